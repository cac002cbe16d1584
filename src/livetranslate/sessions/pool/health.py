"""Which local workers hang, and which have grown too large. Pure: times are told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class HealthOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker may do before it is ended or replaced.

    Attributes:
        silent_s: Seconds without a report after which a worker hangs.
        start_s: Seconds that a worker may take to its first report.
        max_memory_bytes: Memory above which a worker is replaced, or None.
        over_s: Seconds for which it was above that.
        growth: A worker is replaced only if it has grown to so many times what it took at its first
            report: one that was as large from the start would be as large again.
    """

    silent_s: float = 60.0
    start_s: float = 300.0
    max_memory_bytes: int | None = None
    over_s: float = 10.0
    growth: float = 1.2


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """A local worker whose process runs.

    Attributes:
        worker_id: Its name.
        pid: Its process.
        running_s: Seconds for which the process has run.
        silent_s: Seconds since its last report, or None if it is not known to have made any.
        memory_bytes: Memory by its last report.
    """

    worker_id: str
    pid: int
    running_s: float
    silent_s: float | None
    memory_bytes: int = 0


class Treatment(msgspec.Struct, frozen=True, kw_only=True):
    """Workers to be killed, and those to be replaced in order."""

    kill: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()


class PoolHealth:
    """Looks after the local workers; see the module.

    Args:
        options: What they may do.
    """

    def __init__(self, options: HealthOptions) -> None:
        self._options = options
        self._first: dict[int, int] = {}
        self._over_s: dict[int, float] = {}
        self._heard: set[int] = set()

    def look(self, workers: Sequence[Patient], elapsed_s: float) -> Treatment:
        """Look at all of them, ``elapsed_s`` after the last time."""
        for known in (self._first, self._over_s):
            for pid in known.keys() - {worker.pid for worker in workers}:
                del known[pid]
        self._heard &= {worker.pid for worker in workers}
        kill = tuple(worker.worker_id for worker in workers if self._hangs(worker))
        grown = [worker for worker in workers if self._too_large(worker, elapsed_s)]
        replace = tuple(worker.worker_id for worker in grown if worker.worker_id not in kill)
        return Treatment(kill=kill, replace=replace)

    def _hangs(self, worker: Patient) -> bool:
        # A report older than the process is of the one before it.
        if worker.silent_s is not None and worker.silent_s <= worker.running_s:
            self._heard.add(worker.pid)
            return worker.silent_s >= self._options.silent_s
        if worker.pid in self._heard:
            return worker.running_s >= self._options.silent_s
        return worker.running_s >= self._options.start_s

    def _too_large(self, worker: Patient, elapsed_s: float) -> bool:
        limit, memory = self._options.max_memory_bytes, worker.memory_bytes
        if limit is None or not memory or worker.pid not in self._heard:
            return False
        first = self._first.setdefault(worker.pid, memory)
        if memory < limit or memory < first * self._options.growth:
            self._over_s.pop(worker.pid, None)
            return False
        over_s = self._over_s.get(worker.pid)
        self._over_s[worker.pid] = 0.0 if over_s is None else over_s + elapsed_s
        return self._over_s[worker.pid] >= self._options.over_s
