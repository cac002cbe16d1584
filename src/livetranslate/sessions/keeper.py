"""Sees to it that every session gets an end, by the clock or when the service stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import msgspec
import structlog

from livetranslate.domain.audio import seconds
from livetranslate.domain.errors import LiveTranslateError, NotFound, SessionClosed
from livetranslate.domain.events import SessionEnded, SessionError, SessionEvent
from livetranslate.domain.session import EndReason, SessionStatistics
from livetranslate.sessions.clock import Clock
from livetranslate.sessions.feeding import FeedSlot
from livetranslate.sessions.log.base import SessionLog, SessionState
from livetranslate.sessions.recorder import Recorder
from livetranslate.sessions.upkeep import Upkeep

_log = structlog.get_logger(__name__)


class KeeperOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Times of the keeper.

    Attributes:
        resume_window_s: A session whose feeder vanished waits so long to be resumed.
        finish_timeout_s: Workers have so long to end a session that takes no more audio; then it
            is ended without them, as failed.
        max_attempts: A session over which so many workers in a row were lost, without getting on
            in between, is ended as failed, so that it cannot take down one worker after another.
        tick_s: Pause between two rounds.
    """

    resume_window_s: float = 60.0
    finish_timeout_s: float = 600.0
    max_attempts: int = 10
    tick_s: float = 0.5


class Keeper:
    """Goes its rounds over the sessions of a manager.

    Args:
        log: The sessions' logs.
        slots: The manager's sessions; those that are over are taken out.
        recorder: What writes to the database, if anything does.
        clock: Tells the time.
        options: Times.
    """

    def __init__(
        self,
        log: SessionLog,
        slots: dict[str, FeedSlot],
        recorder: Recorder | None,
        *,
        clock: Clock,
        options: KeeperOptions,
    ) -> None:
        self._source = log
        self._slots = slots
        self._recorder = recorder
        self._clock = clock
        self._options = options

    async def run(self) -> None:
        """Go one round after the other until cancelled."""
        while True:
            try:
                await self.tick()
            except LiveTranslateError as error:
                _log.warning("session upkeep failed", error=error.code)
            except Exception:  # noqa: BLE001 - upkeep must outlive any fault in one round of it
                _log.exception("session upkeep failed")
            await asyncio.sleep(self._options.tick_s)

    async def tick(self) -> None:
        """Go one round."""
        known = list(self._slots.values())
        keep = self._recorder.unfinished if self._recorder else frozenset[str]()
        await self._source.sweep(keep=keep)
        states = await self._source.sessions()
        held = {state.session_id: state for state in states if not state.ended}
        upkeep = Upkeep(
            resume_window_s=self._options.resume_window_s,
            finish_timeout_s=self._options.finish_timeout_s,
            max_attempts=self._options.max_attempts,
            now=self._clock.monotonic(),
        )
        for slot in known:
            state = held.get(slot.session_id)
            if state is not None:
                await self._see_to(slot, state, upkeep)
            elif self._slots.get(slot.session_id) is slot:
                del self._slots[slot.session_id]
        for event in upkeep.queue_news(self._slots, states, self._clock.utc()):
            with suppress(NotFound, SessionClosed):
                await self._source.append_system_events(event.session_id, [event])

    async def fail(self, session_id: str, code: str, message: str) -> None:
        """End a session at once, without its worker; nothing happens if it has ended."""
        with suppress(NotFound, SessionClosed):
            error = SessionError(
                session_id=session_id,
                timestamp=self._clock.utc(),
                code=code,
                message=message,
                fatal=True,
            )
            await self.close_session(session_id, EndReason.FAILED, [error])
            _log.warning("session failed", session_id=session_id, code=code)

    async def close_session(
        self, session_id: str, reason: EndReason, events: Iterable[SessionEvent] = ()
    ) -> None:
        """Write these events and the last one without the worker.

        Raises:
            NotFound: There is no such session.
            SessionClosed: It has ended.
        """
        state = await self._source.state(session_id)
        last = SessionEnded(
            session_id=session_id,
            timestamp=self._clock.utc(),
            reason=reason,
            statistics=SessionStatistics(audio_s=seconds(state.samples), chunks=state.next_seq),
        )
        await self._source.append_system_events(session_id, [*events, last])

    async def finish(self, grace_s: float) -> None:
        """End every session; those that no worker has finished after ``grace_s`` fail."""
        session_ids = list(self._slots)
        waits = [asyncio.create_task(self._finish(session_id)) for session_id in session_ids]
        if waits:
            _, late = await asyncio.wait(waits, timeout=grace_s)
            for wait in late:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        for session_id in session_ids:
            message = "the service stopped before this session was finished"
            await self.fail(session_id, "backend_unavailable", message)

    async def _see_to(self, slot: FeedSlot, state: SessionState, upkeep: Upkeep) -> None:
        if upkeep.abandoned(slot, state):
            with suppress(NotFound):
                await self._source.append_end(slot.session_id, EndReason.DISCONNECTED)
        elif upkeep.unfinished(slot, state):
            message = "no worker finished this session"
            await self.fail(slot.session_id, "backend_unavailable", message)
        elif upkeep.deadly(state):
            message = f"{state.attempts} workers in a row were lost over this session"
            await self.fail(slot.session_id, "internal_error", message)

    async def _finish(self, session_id: str) -> None:
        with suppress(NotFound):
            after = (await self._source.state(session_id)).last_event_id
            await self._source.append_end(session_id, EndReason.DISCONNECTED)
            while not (await self._source.state(session_id)).ended:
                events = await self._source.read_events(session_id, after, wait_s=60.0)
                after = events[-1].event_id if events else after
