"""Sees to it that every session gets an end, by the clock or when the service stops.

Of all processes that share a log one looks after the sessions of all, by a lease; every process
attends to the feeders that are connected to it.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from livetranslate.domain.audio import seconds
from livetranslate.domain.errors import (
    BackendUnavailable,
    LiveTranslateError,
    NotFound,
    SessionClosed,
)
from livetranslate.domain.events import SessionEnded, SessionError, SessionEvent
from livetranslate.domain.session import EndReason, SessionStatistics
from livetranslate.sessions.chronicle import Chronicle
from livetranslate.sessions.clock import Clock
from livetranslate.sessions.feeding import FeedSlots
from livetranslate.sessions.log.base import DeadLetter, SessionLog, SessionState
from livetranslate.sessions.recorder import Recorder
from livetranslate.sessions.upkeep import (
    QueueNews,
    UpkeepOptions,
    abandoned,
    deadly,
    unfinished,
    unrecorded,
)

_log = structlog.get_logger(__name__)


class KeeperOptions(UpkeepOptions, frozen=True, kw_only=True):
    """Times of the keeper.

    Attributes:
        tick_s: Pause between two rounds.
        attend_s: Time between two times that this process's feeders are attended to.
        lease_s: For how long one process looks after all sessions without asking again.
    """

    tick_s: float = 0.5
    attend_s: float = 2.0
    lease_s: float = 3.0


class Duty(Protocol):
    """Something that one process does for all, besides looking after the sessions."""

    async def look(self) -> object:
        """See what is to be done, and do it; called in every round."""
        ...


class Keeper:
    """Goes its rounds over the sessions of a log.

    Args:
        log: The sessions' logs.
        slots: The sessions that are fed here.
        recorder: What writes to the database, if anything does.
        chronicle: What tells of changes of workers.
        duties: What else is done while this process looks after all.
        clock: Tells the time.
        options: Times.
    """

    def __init__(
        self,
        log: SessionLog,
        slots: FeedSlots,
        recorder: Recorder | None,
        *,
        chronicle: Chronicle,
        duties: Sequence[Duty] = (),
        clock: Clock,
        options: KeeperOptions,
    ) -> None:
        self._source = log
        self._slots = slots
        self._recorder = recorder
        self._chronicle = chronicle
        self._duties = duties
        self._clock = clock
        self._options = options
        self._name = f"keeper-{secrets.token_hex(6)}"
        self._queue = QueueNews()
        self._attended_at = clock.monotonic()
        self._reached_at: float | None = -math.inf
        self._leads = False

    @property
    def leads(self) -> bool:
        """Whether this process looked after all sessions in its last round."""
        return self._leads

    async def run(self) -> None:
        """Go one round after the other until cancelled."""
        while True:
            try:
                await self.tick()
            except LiveTranslateError as error:
                _log.warning("session upkeep failed", error=error.code)
                if isinstance(error, BackendUnavailable):
                    self._reached_at = None
            except Exception:  # noqa: BLE001 - upkeep must outlive any fault in one round of it
                _log.exception("session upkeep failed")
            await asyncio.sleep(self._options.tick_s)

    async def tick(self) -> None:
        """Go one round."""
        now = self._clock.monotonic()
        if now - self._attended_at >= self._options.attend_s:
            self._attended_at = now
            await self._attend()
        self._leads = await self._source.lead(self._name, self._options.lease_s)
        if self._reached_at is None:
            self._reached_at = self._clock.monotonic()
        if self._leads:
            await self._look_after_all()

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
        states = await self._source.sessions()
        session_ids = [state.session_id for state in states if not state.ended]
        waits = [asyncio.create_task(self._finish(session_id)) for session_id in session_ids]
        if waits:
            _, late = await asyncio.wait(waits, timeout=grace_s)
            for wait in late:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        for session_id in session_ids:
            message = "the service stopped before this session was finished"
            await self.fail(session_id, "backend_unavailable", message)

    async def _attend(self) -> None:
        """Say that our feeders are there, and let go of those that the log knows no more."""
        names = self._slots.names()
        if not names:
            return
        for session_id in await self._source.attend(names):
            taken_over = False
            with suppress(NotFound):
                state = await self._source.state(session_id)
                taken_over = state.ending is None and state.feeder != names[session_id]
            self._slots.lose(session_id, names[session_id], taken_over=taken_over)

    async def _look_after_all(self) -> None:
        await self._source.sweep()
        states = await self._source.sessions()
        for state in states:
            if not state.ended:
                await self._see_to(state)
            if self._recorder is not None and unrecorded(state, self._options):
                self._recorder.adopt(state)
        self._chronicle.workers(states)
        for event in self._queue.changed(states, self._clock.utc()):
            with suppress(NotFound, SessionClosed):
                await self._source.append_system_events(event.session_id, [event])
        for duty in self._duties:
            await duty.look()

    async def _see_to(self, state: SessionState) -> None:
        options = self._options
        reached_at = -math.inf if self._reached_at is None else self._reached_at
        if abandoned(state, options, reachable_s=self._clock.monotonic() - reached_at):
            with suppress(NotFound):
                await self._source.append_end(state.session_id, EndReason.DISCONNECTED)
        elif unfinished(state, options):
            await self._bury(state, "backend_unavailable", "no worker finished this session")
        elif deadly(state, options):
            message = f"{state.attempts} workers in a row were lost over this session"
            await self._bury(state, "internal_error", message)

    async def _bury(self, state: SessionState, code: str, message: str) -> None:
        await self.fail(state.session_id, code, message)
        letter = DeadLetter(
            session_id=state.session_id,
            at=self._clock.utc().timestamp(),
            code=code,
            reason=message,
            attempts=state.attempts,
        )
        await self._source.bury(letter)

    async def _finish(self, session_id: str) -> None:
        with suppress(NotFound):
            after = (await self._source.state(session_id)).last_event_id
            await self._source.append_end(session_id, EndReason.DISCONNECTED)
            while not (await self._source.state(session_id)).ended:
                events = await self._source.read_events(session_id, after, wait_s=60.0)
                after = events[-1].event_id if events else after
