"""How many workers there should be: more while sessions wait, fewer while few would do.

A policy without I/O and clock; what has passed is told with each look.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import msgspec

from livetranslate.monitoring.latch import Band, Latch


class ScalingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and patience of scaling.

    Attributes:
        least: Workers below which none is removed.
        most: Workers above which none is added.
        wait_s: Seconds that a session waits for a worker before one is added.
        full_s: Seconds for which no worker took sessions before one is added.
        idle_s: Seconds for which one worker fewer would have done before one is removed.
        room: Share of the remaining workers' sessions and load that may then be in use.
    """

    least: int
    most: int
    wait_s: float = 2.0
    full_s: float = 5.0
    idle_s: float = 60.0
    room: float = 0.6


class PoolWorker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as scaling sees it.

    Attributes:
        worker_id: Its name.
        sessions: Sessions that it holds.
        max_sessions: Sessions that it may hold; 0 if unknown.
        load: Computing time that they want, as a share of what there is.
        ready: Whether it takes sessions now.
    """

    worker_id: str
    sessions: int
    max_sessions: int
    load: float
    ready: bool


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the pool.

    Attributes:
        workers: Workers that run here and report.
        starting: Workers that run here and do not report yet.
        leaving: Workers that are on their way out.
        queued: Sessions without a worker.
        longest_wait_s: Seconds that the one longest in the queue has waited.
    """

    workers: Sequence[PoolWorker]
    starting: int = 0
    leaving: int = 0
    queued: int = 0
    longest_wait_s: float = 0.0


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: add so many workers, or remove one by name, or neither."""

    add: int = 0
    remove: str | None = None
    reason: str = ""


NOTHING = Scale()


class Scaling:
    """Decides; see the module.

    Args:
        options: Bounds and patience.
    """

    def __init__(self, options: ScalingOptions) -> None:
        self._options = options
        self._full = Latch(Band(1.0, 0.0, on_after_s=options.full_s))
        self._idle = Latch(Band(1.0, 0.0, on_after_s=options.idle_s))

    def look(self, demand: Demand, elapsed_s: float) -> Scale:
        """Take what is asked of the pool, ``elapsed_s`` after the last time."""
        options = self._options
        running = len(demand.workers) + demand.starting
        changing = demand.starting > 0 or demand.leaving > 0
        full = bool(demand.workers) and not any(worker.ready for worker in demand.workers)
        full = self._full.look(full and not changing, elapsed_s)
        idle = not changing and running > options.least and self._fewer_would_do(demand)
        idle = self._idle.look(idle, elapsed_s)
        if demand.starting == 0 and running < options.most:
            if demand.queued and demand.longest_wait_s >= options.wait_s:
                return self._add(demand, running)
            if full:
                return Scale(add=1, reason="no worker takes sessions")
        if idle:
            emptiest = min(demand.workers, key=lambda one: (one.sessions, one.load, one.worker_id))
            return Scale(remove=emptiest.worker_id, reason="one worker fewer does")
        return NOTHING

    def _add(self, demand: Demand, running: int) -> Scale:
        """Add as many as the queue fills, by what the workers there are hold."""
        holds = [worker.max_sessions for worker in demand.workers if worker.max_sessions]
        wanted = ceil(demand.queued / max(holds)) if holds else 1
        waited = f"{demand.queued} sessions wait, one for {demand.longest_wait_s:.0f} s"
        return Scale(add=min(wanted, self._options.most - running), reason=waited)

    def _fewer_would_do(self, demand: Demand) -> bool:
        """Return whether all sessions would fit into all workers but one with room to spare."""
        workers = demand.workers
        left = len(workers) - 1
        if demand.queued or left < 1 or not all(worker.ready for worker in workers):
            return False
        places = min((worker.max_sessions for worker in workers), default=0) * left
        sessions = sum(worker.sessions for worker in workers)
        load = sum(worker.load for worker in workers)
        fits = not places or sessions <= self._options.room * places
        return fits and load <= self._options.room * left
