"""A worker's end of the link: the log and the desk of the main process as if they were here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerEvidence
from livetranslate.sessions.configuration.base import SharedConfiguration
from livetranslate.sessions.errors import ErrorData, rebuilt
from livetranslate.sessions.link.frames import (
    Answer,
    Cancel,
    Failure,
    Frame,
    FrameConnection,
    Request,
)
from livetranslate.sessions.link.methods import METHODS
from livetranslate.sessions.log.base import (
    Appended,
    Checkpoint,
    Claim,
    DeadLetter,
    LogEntry,
    SessionState,
)
from livetranslate.sessions.work import Job, WorkerReport

CLOSE_TIMEOUT_S = 1.0
"""Seconds for what was sent last to leave when a link is closed."""


class WorkerLink:
    """A connection to the main process.

    Attributes:
        log: The session log there.
        desk: The worker desk there.
        configuration: The shared configuration there.
    """

    def __init__(self) -> None:
        self.log = RemoteSessionLog(self)
        self.desk = RemoteDesk(self)
        self.configuration = RemoteConfiguration(self)
        self._connection = FrameConnection(self._receive, self._lost)
        self._numbers = count(1)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._gone = asyncio.Event()

    @classmethod
    async def connect(cls, path: Path) -> WorkerLink:
        """Connect to the main process's socket; raises BackendUnavailable."""
        link = cls()
        try:
            await asyncio.get_running_loop().create_unix_connection(
                lambda: link._connection, str(path)
            )
        except OSError as error:
            raise BackendUnavailable(f"nobody answers at {path}: {error.strerror}") from error
        return link

    async def call(self, name: str, *arguments: object) -> Any:
        """Call a method of ``METHODS`` over there.

        Cancelling takes the call back over there too.

        Raises:
            LiveTranslateError: What the method raised, as the same type.
            BackendUnavailable: The connection is gone.
        """
        if self._gone.is_set():
            raise _gone_error()
        method = METHODS[name]
        call_id = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[call_id] = answer
        try:
            self._connection.send(Request(call_id, name, method.encode(*arguments)))
            await self._connection.drained()
            return method.decode(await answer)
        except asyncio.CancelledError:
            self._connection.send(Cancel(call_id))
            raise
        finally:
            del self._calls[call_id]

    async def wait_gone(self) -> None:
        """Wait until the connection is gone, be it by ``close`` or because the peer died."""
        await self._gone.wait()

    async def close(self) -> None:
        """Close the connection; its claims and jobs go to other workers at once."""
        self._connection.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._gone.wait()
        except TimeoutError:
            self._connection.abort()
            await self._gone.wait()

    def _receive(self, frame: Frame) -> None:
        answer = self._calls.get(frame.call_id)
        if answer is None or answer.done():
            return
        if isinstance(frame, Answer):
            answer.set_result(frame.result)
        elif isinstance(frame, Failure):
            answer.set_exception(rebuilt(frame.error))

    def _lost(self, _: Exception | None) -> None:
        self._gone.set()
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(_gone_error())


def _gone_error() -> BackendUnavailable:
    return BackendUnavailable("the connection to the main process is gone")


class RemoteSessionLog:
    """The main process's ``SessionLog``, over a link."""

    def __init__(self, link: WorkerLink) -> None:
        self._call = link.call

    async def create(
        self,
        session_id: str,
        config: SessionConfig,
        *,
        kind: str = "api",
        feeder: str | None = None,
        to_record: bool = False,
    ) -> SessionState:
        """Open a session."""
        return await self._call("log.create", session_id, config, kind, feeder, to_record)

    async def attach(self, session_id: str, feeder: str) -> SessionState:
        """Make a connection the feeder."""
        return await self._call("log.attach", session_id, feeder)

    async def attend(self, feeders: Mapping[str, str]) -> frozenset[str]:
        """Say that feeders are still there."""
        return await self._call("log.attend", dict(feeders))

    async def detach(self, session_id: str, feeder: str) -> bool:
        """Note that a feeder is gone."""
        return await self._call("log.detach", session_id, feeder)

    async def append_audio(
        self, session_id: str, seq: int, pcm: bytes, *, feeder: str | None = None
    ) -> Appended:
        """Append one chunk."""
        return await self._call("log.append_audio", session_id, seq, pcm, feeder)

    async def append_update(self, session_id: str, update: ConfigUpdate) -> None:
        """Append a change of the configuration."""
        await self._call("log.append_update", session_id, update)

    async def append_evidence(self, session_id: str, evidence: SpeakerEvidence) -> None:
        """See SessionLog."""
        await self._call("log.append_evidence", session_id, evidence)

    async def append_end(self, session_id: str, reason: EndReason) -> None:
        """Take no more audio."""
        await self._call("log.append_end", session_id, reason)

    async def read_entries(
        self, session_id: str, after: int, *, wait_s: float = 0.0, limit: int = 256
    ) -> list[LogEntry]:
        """Return entries behind a position."""
        return await self._call("log.read_entries", session_id, after, wait_s, limit)

    async def claim(self, worker_id: str, *, wait_s: float = 0.0) -> Claim | None:
        """Take the oldest session that has no worker."""
        return await self._call("log.claim", worker_id, wait_s)

    async def touch(self, claim: Claim) -> None:
        """Keep a claim alive."""
        await self._call("log.touch", claim)

    async def release(self, claim: Claim) -> None:
        """Give a session back."""
        await self._call("log.release", claim)

    async def release_worker(self, worker_id: str) -> int:
        """Give back every session of a worker that is known to be gone."""
        return await self._call("log.release_worker", worker_id)

    async def append_events(
        self,
        claim: Claim,
        events: list[SessionEvent],
        *,
        checkpoint: Checkpoint | None = None,
        processed: int | None = None,
    ) -> int:
        """Append a worker's events and progress in one step."""
        return await self._call("log.append_events", claim, events, checkpoint, processed)

    async def append_system_events(self, session_id: str, events: list[SessionEvent]) -> int:
        """Append events that no worker wrote."""
        return await self._call("log.append_system_events", session_id, events)

    async def read_events(
        self, session_id: str, after: int, *, wait_s: float = 0.0, limit: int = 1024
    ) -> list[SessionEvent]:
        """Return events with ids above ``after``."""
        return await self._call("log.read_events", session_id, after, wait_s, limit)

    async def note_recorded(self, session_id: str, event_id: int) -> None:
        """Note how far a session is in the database."""
        await self._call("log.note_recorded", session_id, event_id)

    async def state(self, session_id: str) -> SessionState:
        """Return what is known of a session."""
        return await self._call("log.state", session_id)

    async def sessions(self) -> list[SessionState]:
        """Return all sessions, oldest first."""
        return await self._call("log.sessions")

    async def keep_alive(self, session_id: str) -> None:
        """Note a listener's activity."""
        await self._call("log.keep_alive", session_id)

    async def delete(self, session_id: str) -> None:
        """Remove a session."""
        await self._call("log.delete", session_id)

    async def bury(self, letter: DeadLetter) -> None:
        """Keep a note of a session that was given up."""
        await self._call("log.bury", letter)

    async def dead_letters(self) -> list[DeadLetter]:
        """Return the notes, newest first."""
        return await self._call("log.dead_letters")

    async def lead(self, holder: str, ttl_s: float) -> bool:
        """Return whether this holder is the one that looks after all sessions now."""
        return await self._call("log.lead", holder, ttl_s)

    async def sweep(self) -> None:
        """Do what is due by the clock."""
        await self._call("log.sweep")


class RemoteDesk:
    """The main process's ``WorkerDesk``, over a link."""

    def __init__(self, link: WorkerLink) -> None:
        self._call = link.call

    async def take_job(self, worker_id: str, *, wait_s: float) -> Job | None:
        """Return the oldest job for this worker."""
        return await self._call("desk.take_job", worker_id, wait_s)

    async def finish_job(self, job_id: str, result: bytes) -> None:
        """Deliver a result."""
        await self._call("desk.finish_job", job_id, result)

    async def fail_job(self, job_id: str, error: ErrorData) -> None:
        """Deliver a failure."""
        await self._call("desk.fail_job", job_id, error)

    async def report(self, report: WorkerReport) -> None:
        """Leave the newest report."""
        await self._call("desk.report", report)


class RemoteConfiguration:
    """The main process's ``ConfigurationSource``, over a link."""

    def __init__(self, link: WorkerLink) -> None:
        self._call = link.call

    async def read(self, after: int, *, wait_s: float = 0.0) -> SharedConfiguration | None:
        """Return the configuration if its version is another one."""
        return await self._call("configuration.read", after, wait_s)
