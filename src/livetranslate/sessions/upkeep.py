"""What is due for live sessions by the clock: decisions only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from livetranslate.domain.events import SessionQueued
from livetranslate.sessions.feeding import FeedSlot
from livetranslate.sessions.log.base import SessionState


class Upkeep:
    """One look at the sessions.

    Args:
        resume_window_s: A session without feeder waits so long to be resumed.
        finish_timeout_s: Workers have so long to end a session that takes no more audio.
        max_attempts: Workers that may be lost over a session at one place of its log.
        now: Present time of the monotonic clock.
    """

    def __init__(
        self, *, resume_window_s: float, finish_timeout_s: float, max_attempts: int, now: float
    ) -> None:
        self._resume_window_s = resume_window_s
        self._finish_timeout_s = finish_timeout_s
        self._max_attempts = max_attempts
        self._now = now

    def abandoned(self, slot: FeedSlot, state: SessionState) -> bool:
        """Return whether an open session has been without feeder for the resume window."""
        if state.ending is not None or slot.vacant_since is None:
            return False
        return self._now - slot.vacant_since >= self._resume_window_s

    def unfinished(self, slot: FeedSlot, state: SessionState) -> bool:
        """Return whether an ending session has waited too long for a worker to end it."""
        if state.ending is None:
            return False
        if slot.ending_since is None:
            slot.ending_since = self._now
        return self._now - slot.ending_since >= self._finish_timeout_s

    def deadly(self, state: SessionState) -> bool:
        """Return whether worker after worker was lost over the same place of the session."""
        pending = state.buffered_s > 0 or state.ending is not None
        return pending and state.worker_id is None and state.attempts >= self._max_attempts

    def queue_news(
        self, slots: Mapping[str, FeedSlot], states: Iterable[SessionState], timestamp: datetime
    ) -> Iterator[SessionQueued]:
        """Yield the changed queue positions of our sessions.

        A session counts as queued once it has been without a worker for a whole round, so that
        one which a free worker takes at once is told nothing.

        Args:
            slots: The sessions to be told.
            states: All sessions of the log, oldest first: the order of the queue.
            timestamp: Time of the events, UTC.
        """
        queued = [s for s in states if s.worker_id is None and not s.ended]
        places = {state.session_id: place for place, state in enumerate(queued, start=1)}
        for session_id, slot in slots.items():
            place = places.get(session_id)
            was_queued, slot.queued_before = slot.queued_before, place is not None
            if place is None:
                slot.told_position = None
            elif was_queued and place != slot.told_position:
                slot.told_position = place
                yield SessionQueued(session_id=session_id, timestamp=timestamp, position=place)
