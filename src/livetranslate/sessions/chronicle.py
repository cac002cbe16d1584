"""Tells what happens to live sessions, and when their audio arrives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from livetranslate.domain.audio import seconds
from livetranslate.sessions.clock import Clock
from livetranslate.sessions.clocks import AUDIO_CLOCK, Timing, kept, with_observations
from livetranslate.sessions.feeding import FeedSlot
from livetranslate.sessions.log.base import SessionState
from livetranslate.sessions.notes import Notebook, SessionNotes
from livetranslate.timing.fitting import estimate
from livetranslate.timing.observations import Observation

BATCH = 12
"""Observations written at once: two minutes of audio."""


class Chronicle:
    """Notes on live sessions; nothing waits for them, and without a database there are none.

    Args:
        notes: The database, or None.
        clock: Tells the time.
    """

    def __init__(self, notes: SessionNotes | None, clock: Clock) -> None:
        self._notes = notes
        self._clock = clock
        self._notebook = Notebook()
        self._workers: dict[str, tuple[int, str | None]] = {}

    def audio(self, slot: FeedSlot, samples: int, arrived_s: float) -> None:
        """Take note of new audio.

        Args:
            slot: Whose feeder brought it.
            samples: How much, at 16 kHz.
            arrived_s: When it was here, Unix seconds.
        """
        if self._notes is None or not samples:
            return
        if slot.samples == 0:
            self._first(slot.session_id, samples)
        slot.samples += samples
        found = slot.arrivals.add(seconds(slot.samples), arrived_s)
        if found is not None:
            slot.observed.append(found)
            if len(slot.observed) >= BATCH:
                self._write(slot)

    def left(self, slot: FeedSlot) -> None:
        """Write what was observed of a feeder that brings no more, or none for a while."""
        if (last := slot.arrivals.flush()) is not None:
            slot.observed.append(last)
        if slot.observed:
            self._write(slot)

    def tell(
        self, session_id: str, event_type: str, *, severity: str = "info", **data: Any
    ) -> None:
        """Add to the events of a session's life."""
        notes, at = self._notes, self._clock.utc()
        if notes is None:
            return
        self._notebook.add(
            session_id,
            lambda: notes.note(
                session_id, event_type, severity=severity, source="session", data=data, at=at
            ),
        )

    def workers(self, states: Sequence[SessionState]) -> None:
        """Compare who holds the sessions with who held them, and tell of changes."""
        present = {
            state.session_id: (state.epoch, state.worker_id) for state in states if not state.ended
        }
        for session_id, (epoch, worker_id) in present.items():
            old_epoch, old_worker = self._workers.get(session_id, (epoch, worker_id))
            if worker_id is None:
                present[session_id] = (epoch, old_worker)
            elif 0 < old_epoch < epoch:
                data = {"from_worker": old_worker, "to_worker": worker_id}
                self.tell(session_id, "worker_changed", severity="warning", **data)
        self._workers = present

    async def close(self, grace_s: float) -> None:
        """Write what waits, then stop."""
        await self._notebook.close(grace_s)

    def _first(self, session_id: str, samples: int) -> None:
        notes = self._notes
        assert notes is not None  # noqa: S101 - checked by the caller
        # A chunk is sent once its last sample is there.
        at = self._clock.utc() - timedelta(seconds=seconds(samples))
        self._notebook.add(session_id, lambda: notes.first_sample(session_id, at))

    def _write(self, slot: FeedSlot) -> None:
        session_id, new = slot.session_id, tuple(slot.observed)
        slot.observed.clear()
        self._notebook.add(session_id, lambda: self._observe(session_id, new))

    async def _observe(self, session_id: str, new: tuple[Observation, ...]) -> None:
        assert self._notes is not None  # noqa: S101 - nothing is observed without
        before: list[Observation] = []

        def change(timing: Timing) -> Timing:
            before[:] = kept(timing, AUDIO_CLOCK)
            return with_observations(timing, AUDIO_CLOCK, new)

        timing = await self._notes.change_timing(session_id, change)
        old, found = estimate(before), estimate(kept(timing, AUDIO_CLOCK))
        if found is not None and len(found.jumps) > (len(old.jumps) if old else 0):
            at_s, by_s = found.jumps[-1]
            told = {"clock": AUDIO_CLOCK, "at_s": round(at_s, 3), "by_s": round(by_s, 3)}
            self.tell(session_id, "clock_jump", severity="warning", **told)
