"""What an operator does with the pool of an installation on Redis, wherever that is reached from.

Reads and changes what is in Redis directly, so it works whatever state the processes are in.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from livetranslate.domain.errors import BackendUnavailable, NotFound
from livetranslate.services.backbone import SharedBackbone
from livetranslate.sessions.desk.base import ReportAge
from livetranslate.sessions.log.base import DeadLetter, SessionState
from livetranslate.sessions.manager import SessionManager
from livetranslate.sessions.work import DrainJob, JobKind
from livetranslate.settings import Settings

CLEARED = "the operator cleared the queue of waiting sessions; start a new one"
"""What the clients of cleared sessions are told."""
DRAIN_S = 30.0
"""Seconds that a worker has to hear that it is to leave."""


class QueuedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its operator sees it.

    Attributes:
        session_id: The session.
        state: ``waiting`` for a worker, ``running`` or ``ending``.
        position: Place among those that wait, from 1; None for the others.
        worker_id: Who has it, or None.
        epoch: How often it was claimed.
        backlog_s: Seconds of audio that no worker has processed.
        attempts: Workers in a row that took it and did not get on with it.
        age_s: Seconds since it was opened.
        kind: ``browser``, ``api``, ``bot`` or ``telephony``.
    """

    session_id: str
    state: str
    position: int | None
    worker_id: str | None
    epoch: int
    backlog_s: float
    attempts: int
    age_s: float
    kind: str


class Operator:
    """The pool's operator; every call raises BackendUnavailable while Redis is away.

    Args:
        backbone: Log and desk.
    """

    def __init__(self, backbone: SharedBackbone) -> None:
        self._log = backbone.log
        self._desk = backbone.desk

    async def queue(self) -> list[QueuedSession]:
        """Return the sessions that have not ended: those that wait first, in their order."""
        states = [state for state in await self._log.sessions() if not state.ended]
        waiting = [state for state in states if state.worker_id is None]
        others = [state for state in states if state.worker_id is not None]
        return [
            *(_queued(state, place) for place, state in enumerate(waiting, start=1)),
            *(_queued(state, None) for state in others),
        ]

    async def workers(self) -> list[ReportAge]:
        """Return the newest report of every worker that is not lost."""
        await self._desk.look()
        return self._desk.reports()

    async def dead(self) -> list[DeadLetter]:
        """Return the sessions that were given up, newest first."""
        return await self._log.dead_letters()

    async def clear(self) -> list[str]:
        """End every session that waits for a worker, its clients told why; return their ids."""
        manager = SessionManager(self._log)
        cleared: list[str] = []
        for session in await self.queue():
            if session.position is None:
                continue
            try:
                if (await self._log.state(session.session_id)).worker_id is not None:
                    continue  # a worker has come for it in the meantime
            except NotFound:
                continue
            await manager.fail(session.session_id, "overloaded", CLEARED)
            cleared.append(session.session_id)
        return cleared

    async def drain(self, worker_id: str, *, replace: bool) -> int:
        """Have a worker leave in order; return how many sessions it hands over.

        Args:
            worker_id: The worker.
            replace: Whether another one is started in its place.

        Raises:
            NotFound: There is no such worker.
        """
        known = {one.report.worker_id: one.report for one in await self.workers()}
        if worker_id not in known:
            listed = ", ".join(known) or "none"
            raise NotFound(f"there is no worker {worker_id}; there are: {listed}")
        payload = msgspec.msgpack.encode(DrainJob(replace=replace))
        await self._desk.submit(JobKind.DRAIN, payload, worker_id=worker_id, timeout_s=DRAIN_S)
        return len(known[worker_id].sessions)


@asynccontextmanager
async def operating(settings: Settings) -> AsyncGenerator[Operator]:
    """Open the way to the pool.

    Raises:
        InvalidInput: No Redis is configured.
        BackendUnavailable: It cannot be reached; says where it was sought, without password.
    """
    backbone = SharedBackbone(settings)
    try:
        yield Operator(backbone)
    except BackendUnavailable as error:
        if (problem := backbone.problem()) is None:
            raise
        raise BackendUnavailable(
            f"Redis {problem}\nIs it running, and is REDIS_URL (or --redis) right?"
        ) from error
    finally:
        await backbone.close()


def _queued(state: SessionState, position: int | None) -> QueuedSession:
    running = "ending" if state.ending else "running"
    return QueuedSession(
        session_id=state.session_id,
        state=running if position is None else "waiting",
        position=position,
        worker_id=state.worker_id,
        epoch=state.epoch,
        backlog_s=round(state.buffered_s, 3),
        attempts=state.attempts,
        age_s=round(max(0.0, time.time() - state.created_at), 1),
        kind=state.kind,
    )
