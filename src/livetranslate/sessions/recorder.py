"""Brings what is final in every session's log to the database: in order, once in effect.

The log is the buffer. While the database is away nothing is copied anywhere: the recorder stays
where it is in each log and tries again with growing pauses. It notes in the log how far it is, so
that what is not recorded yet is kept, and another process can go on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from livetranslate.domain.errors import BackendUnavailable, Conflict, LiveTranslateError, NotFound
from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionEvent,
    SessionStarted,
    is_preview,
)
from livetranslate.domain.session import EndReason, SessionStatus
from livetranslate.sessions.chronicle import Chronicle
from livetranslate.sessions.clock import Clock
from livetranslate.sessions.log.base import SessionLog, SessionState
from livetranslate.sessions.records import SessionRecords

_log = structlog.get_logger(__name__)


Watcher = Callable[[str, Sequence[SessionEvent]], Awaitable[None]]
"""Is told of a session's events that are in the database."""


class RecorderOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the recorder reads and retries.

    Attributes:
        batch: Events a write at most.
        poll_s: Seconds that one wait for new events lasts; so often the log is told that the
            session is being recorded.
        first_retry_s: Pause after the first failed write; it doubles with each further one.
        longest_retry_s: The longest pause.
        max_faults: Attempts at a write that fails by a fault of the program, not because the
            database is away; then what it was about is left out.
        give_up_s: Seconds of failure after which a session's remaining events are given up, so
            that the log stays bounded.
    """

    batch: int = 500
    poll_s: float = 5.0
    first_retry_s: float = 0.25
    longest_retry_s: float = 15.0
    max_faults: int = 5
    give_up_s: float = 3600.0


class RecorderState(msgspec.Struct, frozen=True, kw_only=True):
    """What ``/api/health`` says of the recorder.

    Attributes:
        sessions: Sessions whose end is not written yet.
        waiting: Those of them whose last write failed.
        failing_s: Seconds since the oldest of these failures began; 0 without any.
        error: The newest failure, or None while there is none.
        lost: Events given up or refused by the database since the start.
    """

    sessions: int
    waiting: int
    failing_s: float
    error: str | None
    lost: int


class _GivenUp(Exception):
    """The database was away for too long."""


class Recorder:
    """Follows the logs of live sessions and writes them to ``SessionRecords``.

    Args:
        log: Where the events are.
        records: Where they go.
        chronicle: What tells of the database's absence once it is back, if anything does.
        clock: Tells for how long writes have failed.
        options: Batches, pauses and when to give up.
        watcher: Is told of events once they are written; what it raises is its own fault.
    """

    def __init__(
        self,
        log: SessionLog,
        records: SessionRecords,
        *,
        chronicle: Chronicle | None = None,
        clock: Clock,
        options: RecorderOptions | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._watcher = watcher
        self._chronicle = chronicle
        self._source = log
        self._records = records
        self._clock = clock
        self._options = options or RecorderOptions()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failing: dict[str, float] = {}
        self._error: str | None = None
        self._lost = 0

    @property
    def unfinished(self) -> frozenset[str]:
        """Sessions whose log is still needed."""
        return frozenset(self._tasks)

    def state(self) -> RecorderState:
        """Return how the recorder is doing."""
        now = self._clock.monotonic()
        return RecorderState(
            sessions=len(self._tasks),
            waiting=len(self._failing),
            failing_s=max((now - since for since in self._failing.values()), default=0.0),
            error=self._error if self._failing else None,
            lost=self._lost,
        )

    def follow(self, session_id: str) -> None:
        """Record a session from its first event to its last."""
        self._start(session_id, self._record(session_id, 0))

    def adopt(self, state: SessionState) -> None:
        """Go on recording a session that another process began to record, or should have."""
        self._start(state.session_id, self._adopt(state))

    def _start(self, session_id: str, recording: Coroutine[Any, Any, None]) -> None:
        if session_id in self._tasks:
            recording.close()
            return
        task = asyncio.create_task(recording, name=f"record {session_id}")
        self._tasks[session_id] = task
        task.add_done_callback(lambda _: self._finished(session_id, task))

    async def forget(self, session_id: str) -> None:
        """Record nothing more of a session; afterwards no write of it is under way."""
        task = self._tasks.get(session_id)
        if task is not None:
            await _cancelled([task])

    async def drain(self, timeout_s: float) -> bool:
        """Wait until every followed session is written to its end; return whether it is."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        return not self._tasks

    async def close(self) -> None:
        """Stop at once."""
        await _cancelled(list(self._tasks.values()))

    def _finished(self, session_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(session_id) is task:
            del self._tasks[session_id]
            self._failing.pop(session_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("recording stopped", session_id=session_id, exc_info=error)

    async def _adopt(self, state: SessionState) -> None:
        """Record a session from where the log says, with its row made if there is none."""
        session_id = state.session_id

        async def create() -> None:
            with suppress(Conflict):
                await self._records.create(
                    session_id,
                    kind=state.kind,
                    config=state.config,
                    created_at=datetime.fromtimestamp(state.created_at, UTC),
                )

        _log.info("recording adopted", session_id=session_id, after=state.recorded)
        with suppress(_GivenUp):
            await self._retried(session_id, create)
            await self._record(session_id, state.recorded)

    async def _record(self, session_id: str, after: int) -> None:
        fatal: str | None = None
        try:
            while True:
                events = await self._read(session_id, after)
                for event in events:
                    if isinstance(event, SessionError) and event.fatal:
                        fatal = event.message
                await self._write(session_id, [e for e in events if not is_preview(e)])
                await self._write_status(session_id, events, fatal)
                if self._watcher is not None:
                    await self._watcher(session_id, events)
                after = events[-1].event_id if events else after
                await self._note_recorded(session_id, after)
                if events and isinstance(events[-1], SessionEnded):
                    return
        except NotFound:
            _log.warning("session left the log before its end", session_id=session_id)
            with suppress(_GivenUp):
                await self._set_status(session_id, SessionStatus.FAILED, error="its log was lost")
        except _GivenUp:
            last_id, left = await self._remaining(session_id, after)
            self._lost += left
            _log.error("gave up writing a session", session_id=session_id, error=self._error)
            with suppress(NotFound):
                await self._note_recorded(session_id, last_id)

    async def _note_recorded(self, session_id: str, event_id: int) -> None:
        # What could not be noted is only written once more by whoever goes on from there.
        with suppress(BackendUnavailable):
            await self._source.note_recorded(session_id, event_id)

    async def _read(self, session_id: str, after: int) -> list[SessionEvent]:
        pause_s = self._options.first_retry_s
        while True:
            try:
                return await self._source.read_events(
                    session_id, after, wait_s=self._options.poll_s, limit=self._options.batch
                )
            except BackendUnavailable:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, self._options.longest_retry_s)

    async def _write(self, session_id: str, events: Sequence[SessionEvent]) -> None:
        """Write events; one that the database refuses for good is left out, not the others."""
        if not events:
            return
        if await self._retried(session_id, lambda: self._records.record(session_id, events)):
            return
        if len(events) == 1:
            self._lost += 1
            event = events[0]
            kind = type(event).__name__
            _log.error("event left out", session_id=session_id, event_id=event.event_id, kind=kind)
            return
        for event in events:
            await self._write(session_id, [event])

    async def _write_status(
        self, session_id: str, events: Sequence[SessionEvent], fatal: str | None
    ) -> None:
        for event in events:
            if isinstance(event, SessionStarted):
                await self._set_status(session_id, SessionStatus.ACTIVE, event)
            elif isinstance(event, SessionEnded):
                failed = event.reason is EndReason.FAILED
                status = SessionStatus.FAILED if failed else SessionStatus.COMPLETED
                await self._set_status(session_id, status, event, fatal if failed else None)

    async def _set_status(
        self,
        session_id: str,
        status: SessionStatus,
        event: SessionEvent | None = None,
        error: str | None = None,
    ) -> None:
        at = event.timestamp if event else self._clock.utc()
        reason = event.reason if isinstance(event, SessionEnded) else None
        await self._retried(
            session_id,
            lambda: self._records.set_status(session_id, status, at=at, reason=reason, error=error),
        )

    async def _retried(self, session_id: str, write: Callable[[], Awaitable[None]]) -> bool:
        """Repeat a write until it is done; return False if it is refused for good."""
        pause_s = self._options.first_retry_s
        faults = 0
        while True:
            try:
                await write()
            except Exception as error:  # noqa: BLE001 - a driver's errors have no common base
                self._note(session_id, error)
                faults += not _passing(error)
                refused = isinstance(error, LiveTranslateError) and not error.retryable
                if refused or faults >= self._options.max_faults:
                    self._failing.pop(session_id, None)
                    return False
            else:
                self._recovered(session_id)
                return True
            since = self._failing.setdefault(session_id, self._clock.monotonic())
            if self._clock.monotonic() - since >= self._options.give_up_s:
                raise _GivenUp
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._options.longest_retry_s)

    def _recovered(self, session_id: str) -> None:
        since = self._failing.pop(session_id, None)
        if since is not None and self._chronicle is not None:
            away_s = round(self._clock.monotonic() - since, 3)
            self._chronicle.tell(session_id, "recording_delayed", severity="warning", away_s=away_s)

    def _note(self, session_id: str, error: Exception) -> None:
        # A driver's own message may quote what was to be written, and that is nobody's business.
        known = isinstance(error, LiveTranslateError)
        self._error = error.message if known else type(error).__name__
        if session_id not in self._failing:
            kind = type(error).__name__
            _log.warning("cannot write to the database", session_id=session_id, error=kind)

    async def _remaining(self, session_id: str, after: int) -> tuple[int, int]:
        """Return the newest event's number, and how many final events are not written."""
        with suppress(NotFound, BackendUnavailable):
            events = await self._source.read_events(session_id, after, limit=1_000_000)
            last_id = events[-1].event_id if events else after
            return last_id, sum(not is_preview(event) for event in events)
        return after, 0


def _passing(error: Exception) -> bool:
    """Return whether an error says that the database cannot be reached for now."""
    return isinstance(error, OSError) or (isinstance(error, LiveTranslateError) and error.retryable)


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
