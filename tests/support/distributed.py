"""The platform as several processes that share a Redis and a database, on one host or on many."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from support.hosts import Host
from support.parts import Part
from support.ports import free_port
from support.redis_server import RedisServer

READY_S = 60.0


class ToldClaim(msgspec.Struct, frozen=True):
    """Who claimed a session, and when in Unix seconds."""

    worker_id: str
    at: float


class Holder(msgspec.Struct, frozen=True):
    """A worker and the sessions that it holds."""

    worker_id: str
    pid: int
    sessions: list[str]


class Distributed:
    """An installation whose parts are added one by one; nothing starts before ``start``.

    Args:
        folder: Where logs and data go.
        redis: The shared Redis; runs already.
        database_url: The shared database.
        environment: Settings of every part.

    Attributes:
        redis: The shared Redis.
        orchestrations: Its instances of orchestration.
        whispers: Its whisper services.
        translations: Its translation services.
        workers: Its processes ``serve worker``.
        parts: All of its processes.
    """

    def __init__(
        self, folder: Path, redis: RedisServer, database_url: str, environment: dict[str, str]
    ) -> None:
        self.redis = redis
        self.orchestrations: list[Part] = []
        self.whispers: list[Part] = []
        self.translations: list[Part] = []
        self.workers: list[Part] = []
        self.parts: list[Part] = []
        self._folder = folder
        self._pool = 0
        self._environment = {
            "REDIS_URL": redis.url,
            "DATABASE_URL": database_url,
            **environment,
        }

    def orchestration(
        self, host: Host | None = None, *, ready: str = "/api/health/ready", **settings: str
    ) -> Part:
        """Add an instance of orchestration; without workers none is more than live."""
        part = self._part("orchestration", host, ready=ready, **settings)
        self.orchestrations.append(part)
        return part

    def worker(self, host: Host | None = None, *, workers: int = 1) -> Part:
        """Add a process ``serve worker`` with so many workers."""
        part = self._part("worker", host, ready="/health", WORKER_POOL_SIZE=str(workers))
        self.workers.append(part)
        self._pool += workers
        return part

    def whisper(self, host: Host | None = None, *, workers: int = 1) -> Part:
        """Add a whisper service with workers of its own; parts that are added after it know it."""
        part = self._part("whisper", host, ready="/health", WORKER_POOL_SIZE=str(workers))
        self.whispers.append(part)
        self._pool += workers
        self._environment["WHISPER_SERVICE_URL"] = ",".join(each.url for each in self.whispers)
        return part

    def translation(self, host: Host | None = None, **settings: str) -> Part:
        """Add a translation service; parts that are added after it use it."""
        part = self._part("translation", host, ready="/api/health", **settings)
        self.translations.append(part)
        urls = ",".join(each.url for each in self.translations)
        self._environment["TRANSLATION_SERVICE_URL"] = urls
        return part

    @property
    def websockets(self) -> list[str]:
        """Addresses of the instances' ``/ws``."""
        return [websocket_of(part) for part in self.orchestrations]

    def start(self) -> Distributed:
        """Start everything that does not run; return once all serve and all workers are ready."""
        begun = [part.start() for part in self.parts if not part.running]
        for part in begun:
            part.wait()
        self.until(lambda status: status["ready_workers"] >= self._pool)
        return self

    def stop(self) -> None:
        """Stop everything in order, whatever of it still runs; tell what did not stop by itself."""
        problems: list[str] = []
        for part in reversed(self.parts):
            try:
                part.stop()
            except RuntimeError as error:
                problems.append(str(error))
        assert not problems, "\n".join(problems)

    def status(self, instance: int = 0) -> Any:
        """What an instance of orchestration, or of whisper where there is none, says."""
        return (self.orchestrations or self.whispers)[instance].get("/status", timeout_s=5)

    def busiest(self) -> Holder:
        """The worker that holds the most sessions now, as the log's claims tell."""
        held: dict[str, list[str]] = {}
        for session_id, claim in self._claims().items():
            held.setdefault(claim.worker_id, []).append(session_id)
        worker_id = max(held, key=lambda name: len(held[name]))
        workers = self.orchestrations[0].get("/status/workers")["workers"]
        (pid,) = (each["pid"] for each in workers if each["worker_id"] == worker_id)
        return Holder(worker_id, int(pid), held[worker_id])

    async def taken_from(self, holder: Holder) -> float:
        """Wait until others have claimed a worker's sessions; return when (Unix seconds)."""
        async with asyncio.timeout(READY_S):
            while True:
                claims = await asyncio.to_thread(self._claims)
                own = [claims[session_id] for session_id in holder.sessions if session_id in claims]
                if all(claim.worker_id != holder.worker_id for claim in own):
                    return max(claim.at for claim in own)
                await asyncio.sleep(0.05)

    def _claims(self) -> dict[str, ToldClaim]:
        """The newest claim of each session that has not ended."""
        claims: dict[str, ToldClaim] = {}
        stream = self.redis.command("--json", "xrange", "worker_responses", "-", "+")
        for entry, fields in json.loads(stream):
            told = dict(zip(fields[::2], fields[1::2], strict=True))
            if told["event"] == "claimed":
                at = int(entry.partition("-")[0]) / 1000
                claims[told["session_id"]] = ToldClaim(told["worker_id"], at)
            elif told["event"] == "ended":
                claims.pop(told["session_id"], None)
        return claims

    def until(self, fits: Callable[[Any], bool], *, instance: int = 0) -> Any:
        """The first status that fits."""
        until = time.monotonic() + READY_S
        status: Any = None
        while time.monotonic() < until:
            try:
                status = self.status(instance)
                if fits(status):
                    return status
            except OSError as error:
                status = error
            time.sleep(0.1)
        raise AssertionError(f"not within {READY_S:g} s; at last {status}\n{self.tail()}")

    async def roll(self) -> None:
        """Restart every part in order, each once its predecessor serves and is known to serve."""
        for part in self.parts:
            await asyncio.to_thread(part.restart)
            await asyncio.to_thread(
                self.until, lambda status: status["ready_workers"] >= self._pool
            )
            await asyncio.to_thread(self._until_reached)

    def _until_reached(self) -> None:
        """Wait until every instance of orchestration passes on to all services again."""
        until = time.monotonic() + READY_S
        away: list[Any] = []
        while time.monotonic() < until:
            told = [each.get("/api/services")["services"] for each in self.orchestrations]
            away = [
                one
                for services in told
                for one in services
                if one["status"] != "healthy" or one["breaker"]["state"] != "closed"
            ]
            if not away:
                return
            time.sleep(0.1)
        raise AssertionError(f"not reached within {READY_S:g} s: {away}")

    def tail(self, lines: int = 40) -> str:
        """The end of what each part has written."""
        ends = ("\n".join(part.log.splitlines()[-lines:]) for part in self.parts)
        return "\n".join(
            f"--- {part.name} ---\n{end}" for part, end in zip(self.parts, ends, strict=True)
        )

    def _part(self, role: str, host: Host | None, *, ready: str, **settings: str) -> Part:
        address = host.address if host else "127.0.0.1"
        port = free_port()
        part = Part(
            f"{role}-{len(self.parts)}",
            ["serve", role, "--port", str(port)],
            {**self._environment, "HOST": address, **settings},
            self._folder,
            url=f"http://{address}:{port}",
            ready=ready,
            prefix=host.prefix if host else (),
        )
        self.parts.append(part)
        return part


def websocket_of(part: Part) -> str:
    """The address of a part's ``/ws``."""
    return f"{part.url}/ws".replace("http", "ws", 1)
