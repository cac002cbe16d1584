"""What a desk keeps in Redis, as typed calls; each changes everything it touches in one step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from livetranslate.sessions.desk.base import DeskOptions
from livetranslate.sessions.redis.connection import Argument, RedisConnection
from livetranslate.sessions.redis.scripts import Script

JOB_TTL_S = 180
"""A job whose caller has not asked for it for so long is forgotten."""
PIECE_BYTES = 1 << 20
"""Payloads travel in pieces of this size, so that nothing else has to wait for a whole file."""

_SCRIPTS = {
    name: Script("livetranslate.sessions.desk.redis", name)
    for name in ("submit", "take", "settle", "wait", "drop", "report", "lose", "look")
}


class Taken(msgspec.Struct, frozen=True):
    """A job that was given to a worker."""

    job_id: str
    kind: str
    size: int
    wanted: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of a job: ``done``, ``failed``, ``lost`` (with the reason) or ``gone``."""

    kind: str
    value: bytes


class DeskStore:
    """The keys of a desk. Every call raises BackendUnavailable while Redis is away.

    Args:
        connection: The way to Redis.
        queue: Name of the installation's queue, with which every key begins.
        options: Bounds and times.
    """

    def __init__(self, connection: RedisConnection, queue: str, options: DeskOptions) -> None:
        self._connection = connection
        self._prefix = f"{queue}:{{desk}}:"
        self._options = options

    @property
    def calls(self) -> str:
        """The channel that tells workers of work."""
        return f"{self._prefix}calls"

    def caller(self, name: str) -> str:
        """Return the channel that tells a caller's process of outcomes."""
        return f"{self._prefix}caller:{name}"

    async def put_payload(self, job_id: str, payload: bytes) -> None:
        """Keep the payload of a job that is about to be submitted."""
        key = self._payload(job_id)
        for offset in range(0, len(payload), PIECE_BYTES):
            await self._connection.run("APPEND", key, payload[offset : offset + PIECE_BYTES])
            await self._connection.run("EXPIRE", key, JOB_TTL_S)

    async def submit(self, job_id: str, kind: str, worker_id: str, caller: str) -> str:
        """Queue a job; return ``ok``, ``unknown`` (no such worker) or ``full``."""
        options = self._options
        answer = await self._run(
            *("submit", job_id, kind, worker_id, caller, JOB_TTL_S),
            *(options.max_queued, options.worker_timeout_s, options.max_attempts),
        )
        return answer.decode()

    async def take(self, worker_id: str, at_work: Iterable[str]) -> Taken | None:
        """Give a worker the oldest job for it, if there is one.

        Args:
            worker_id: The worker.
            at_work: Jobs that it is at; any other that it was given goes back into the queue.
        """
        options = self._options
        answer = await self._run(
            "take", worker_id, options.worker_timeout_s, options.max_attempts, *at_work
        )
        if not answer:
            return None
        job_id, kind, size, wanted = answer
        return Taken(job_id.decode(), kind.decode(), size, wanted.decode())

    async def payload(self, job_id: str, size: int) -> bytes:
        """Return a job's payload; a shorter one if the job is gone by now."""
        pieces: list[bytes] = []
        for offset in range(0, size, PIECE_BYTES):
            last = offset + PIECE_BYTES - 1
            pieces.append(
                await self._connection.run("GETRANGE", self._payload(job_id), offset, last)
            )
        return b"".join(pieces)

    async def settle(self, job_id: str, outcome: Outcome) -> None:
        """Leave a job's outcome for its caller, if it still waits."""
        await self._run("settle", job_id, outcome.kind, outcome.value)

    async def outcome(self, job_id: str) -> Outcome | None:
        """Return a job's outcome if there is one, and keep the job alive if not."""
        answer = await self._run("wait", job_id, JOB_TTL_S)
        return Outcome(answer[0].decode(), answer[1]) if answer else None

    async def drop(self, job_id: str) -> None:
        """Forget a job."""
        await self._run("drop", job_id)

    async def report(self, worker_id: str, report: bytes) -> None:
        """Keep a worker's report, with the time by Redis' clock."""
        await self._run("report", worker_id, report)

    async def lose(self, worker_id: str) -> None:
        """Give a worker's jobs to others and forget it."""
        await self._run("lose", worker_id, self._options.max_attempts)

    async def look(self) -> tuple[int, list[tuple[float, bytes]]]:
        """Return how many jobs wait, and each worker's report with its age in seconds."""
        options = self._options
        answer = await self._run("look", options.worker_timeout_s, options.max_attempts)
        ages = (age / 1e6 for age in answer[1::2])
        return answer[0], list(zip(ages, answer[2::2], strict=True))

    def _payload(self, job_id: str) -> str:
        return f"{self._prefix}payload:{job_id}"

    async def _run(self, script: str, *arguments: Argument) -> Any:
        return await self._connection.script(_SCRIPTS[script], [self._prefix], arguments)
