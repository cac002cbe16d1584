"""What the installation says of itself during a load: ``/api/metrics`` and ``/status/workers``."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any

import msgspec

LOOK_S = 2.0
ANSWER_S = 10.0


class ServerFigures(msgspec.Struct, kw_only=True):
    """The newest answers, and the highest of what grows.

    Attributes:
        connections: Live connections.
        sessions: Live sessions.
        queued: Sessions without a worker.
        buffered_s: Seconds of audio that wait to be recognised.
        workers: Workers that report.
        ready_workers: Those that take sessions.
        memory_bytes: Resident memory of the main process.
        worker_memory_bytes: Memory of all workers.
        worker_cpu_percent: Of one core, all workers together.
        memory_percent: Of the machine.
        cpu_percent: Of the machine.
        most_memory_bytes: The most that main process and workers had together.
        most_queued: The most sessions that waited.
        most_buffered_s: The most audio that waited.
        unanswered: Questions that were not answered.
    """

    connections: int = 0
    sessions: int = 0
    queued: int = 0
    buffered_s: float = 0.0
    workers: int = 0
    ready_workers: int = 0
    memory_bytes: int = 0
    worker_memory_bytes: int = 0
    worker_cpu_percent: float = 0.0
    memory_percent: float = 0.0
    cpu_percent: float = 0.0
    most_memory_bytes: int = 0
    most_queued: int = 0
    most_buffered_s: float = 0.0
    unanswered: int = 0


class ServerWatch:
    """Asks an installation every few seconds.

    Args:
        url: Its base address.
        api_key: Credential, where it asks for one.

    Attributes:
        figures: The newest answers.
    """

    def __init__(self, url: str, api_key: str | None) -> None:
        self.figures = ServerFigures()
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Ask once; what is not answered stays as it was."""
        try:
            metrics = await asyncio.to_thread(self._get, "/api/metrics")
            workers = (await asyncio.to_thread(self._get, "/status/workers"))["workers"]
        except (OSError, ValueError, KeyError):
            self.figures.unanswered += 1
            return
        self._take(metrics, workers)

    def _take(self, metrics: dict[str, Any], workers: list[dict[str, Any]]) -> None:
        now, pool = self.figures, metrics["workers"]
        now.connections = metrics["connections"]["active"]
        now.sessions = metrics["sessions"]["live"]
        now.queued = metrics["sessions"]["queued"]
        now.buffered_s = metrics["sessions"]["buffered_s"]
        now.workers, now.ready_workers = pool["total_workers"], pool["ready_workers"]
        now.memory_percent, now.cpu_percent = pool["memory_percent"], pool["cpu_percent"]
        now.memory_bytes = metrics["memory_bytes"]
        now.worker_memory_bytes = sum(worker["memory_bytes"] for worker in workers)
        now.worker_cpu_percent = round(sum(worker["cpu_percent"] for worker in workers), 1)
        now.most_memory_bytes = max(
            now.most_memory_bytes, now.memory_bytes + now.worker_memory_bytes
        )
        now.most_queued = max(now.most_queued, now.queued)
        now.most_buffered_s = max(now.most_buffered_s, now.buffered_s)

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(self._url + path, headers=self._headers)  # noqa: S310 - the operator's own address
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - the same
            return json.load(answer)
