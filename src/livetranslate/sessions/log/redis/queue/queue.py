"""The stream of sessions and its consumer group: a session's entry is its claim.

An entry that was read belongs to its reader for as long as it is touched (``XCLAIM`` sets its idle
time to nought). One not touched for the time to live is taken by another with ``XAUTOCLAIM``; one
given back is marked as idle for longer than any time to live, so that it is taken first and at
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection
from livetranslate.sessions.redis.scripts import Script
from livetranslate.sessions.redis.waiting import Waiting

GROUP = "workers"
GIVEN_BACK_MS = 10**10
"""Idle time of an entry that was given back; about four months."""
MANY = 10_000
"""Entries of one look at who holds what."""

_OFFER, _NEXT, _LEAVE, _LEAD = (
    Script(__package__ or "", name) for name in ("offer", "next", "leave", "lead")
)


class HeldEntry:
    """An entry of the queue and who holds it.

    Attributes:
        entry: Its id.
        session_id: The session.
        worker_id: Who read it last.
        given_back: Whether it was given back and waits.
    """

    __slots__ = ("entry", "given_back", "session_id", "worker_id")

    def __init__(self, entry: str, session_id: str, worker_id: str, *, given_back: bool) -> None:
        self.entry = entry
        self.session_id = session_id
        self.worker_id = worker_id
        self.given_back = given_back


class SessionQueue:
    """Sessions that want a worker, and the claims of those that have one.

    Args:
        connection: The way to Redis.
        channels: Wake-up calls.
        name: The stream's key.
        claim_ttl_s: Seconds after which an untouched claim is given to another worker.
    """

    def __init__(
        self, connection: RedisConnection, channels: Channels, name: str, *, claim_ttl_s: float
    ) -> None:
        self._connection = connection
        self._name = name
        self._ttl_ms = max(1, int(claim_ttl_s * 1000))
        self._index, self._open, self._order, self._leader = (
            f"{{{name}}}:{part}" for part in ("index", "open", "order", "leader")
        )
        self.offered = Waiting(channels, name, relook_s=min(1.0, claim_ttl_s / 3))

    async def start(self) -> None:
        """Make the consumer group; nothing happens if there is one."""
        try:
            await self._run("XGROUP", "CREATE", self._name, GROUP, "0", "MKSTREAM")
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def offer(self, session_id: str, max_open: int) -> str | None:
        """Put a session into the queue; return its entry, or None if too many are open."""
        keys = (self._name, self._index, self._open, self._order)
        entry = await self._connection.script(_OFFER, keys, (session_id, max_open))
        return entry.decode() if entry else None

    async def offer_again(self, session_id: str) -> str:
        """Put a session whose entry was lost into the queue; return the new entry."""
        entry = await self._run("XADD", self._name, "*", "session_id", session_id)
        await self._run("PUBLISH", self._name, "")
        return entry.decode()

    async def next(self, worker_id: str) -> tuple[str, str] | None:
        """Take the oldest session without a worker: its entry and its id."""
        found = await self._grouped(
            lambda: self._connection.script(_NEXT, (self._name,), (worker_id, self._ttl_ms))
        )
        if not found:
            return None
        return found[0].decode(), found[1][1].decode()

    async def keep(self, worker_id: str, entry: str) -> None:
        """Keep a claim alive."""
        await self._run("XCLAIM", self._name, GROUP, worker_id, 0, entry, "JUSTID")

    async def give_back(self, worker_id: str, entry: str) -> None:
        """Let any worker take an entry at once."""
        await self._run(
            *("XCLAIM", self._name, GROUP, worker_id, 0, entry),
            *("IDLE", GIVEN_BACK_MS, "JUSTID"),
        )
        await self._run("PUBLISH", self._name, "")

    async def leave(self, session_id: str, entry: str) -> None:
        """Take a session out of the queue for good; its id stays in the index."""
        await self._connection.script(_LEAVE, (self._name, self._open), (session_id, entry))

    async def held(self, *, worker_id: str | None = None, silent: bool = False) -> list[HeldEntry]:
        """Return entries that workers have read: of one worker, or those no longer touched."""
        since = ("IDLE", self._ttl_ms) if silent else ()
        of = (worker_id,) if worker_id is not None else ()
        pending = await self._grouped(
            lambda: self._run("XPENDING", self._name, GROUP, *since, "-", "+", MANY, *of)
        )
        found: list[HeldEntry] = []
        for entry, consumer, idle_ms, _ in pending:
            session_id = await self._session_of(entry)
            if session_id is None:
                await self._run("XACK", self._name, GROUP, entry)
                continue
            given_back = idle_ms >= GIVEN_BACK_MS // 2
            found.append(
                HeldEntry(entry.decode(), session_id, consumer.decode(), given_back=given_back)
            )
        return found

    async def has(self, entry: str) -> bool:
        """Return whether an entry is (still) in the queue."""
        return bool(await self._run("XRANGE", self._name, entry, entry))

    async def sessions(self) -> list[str]:
        """Return every session of the log, oldest first."""
        return _texts(await self._run("ZRANGE", self._index, 0, -1))

    async def open_sessions(self) -> list[str]:
        """Return the sessions that count as open."""
        return _texts(await self._run("ZRANGE", self._open, 0, -1))

    async def forget(self, session_id: str) -> None:
        """Take a session out of the index."""
        await self._run("ZREM", self._index, session_id)
        await self._run("ZREM", self._open, session_id)

    async def lead(self, holder: str, ttl_s: float) -> bool:
        """Return whether this holder looks after all sessions now."""
        answer = await self._connection.script(
            _LEAD, (self._leader,), (holder, max(1, int(ttl_s * 1000)))
        )
        return bool(answer)

    async def forget_workers(self, silent_s: float) -> None:
        """Take workers out of the group that hold nothing and were silent for so long."""
        found = await self._grouped(lambda: self._run("XINFO", "CONSUMERS", self._name, GROUP))
        for told in found:
            consumer = _mapping(told)
            if not consumer[b"pending"] and consumer[b"idle"] >= silent_s * 1000:
                await self._run("XGROUP", "DELCONSUMER", self._name, GROUP, consumer[b"name"])

    async def _session_of(self, entry: bytes) -> str | None:
        found = await self._run("XRANGE", self._name, entry, entry)
        return found[0][1][1].decode() if found else None

    async def _grouped(self, command: Any) -> Any:
        """Run a command of the group, which is made again if Redis lost it."""
        try:
            return await command()
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
        await self.start()
        return await command()

    async def _run(self, *command: str | bytes | int | float) -> Any:
        return await self._connection.run(*command)


def _texts(values: Sequence[bytes]) -> list[str]:
    return [value.decode() for value in values]


def _mapping(told: Any) -> dict[bytes, Any]:
    """Return a mapping that came as one, or as names and values in turn."""
    if isinstance(told, dict):
        return told  # pyright: ignore[reportUnknownVariableType] - an answer of Redis
    return dict(zip(told[::2], told[1::2], strict=True))
