"""Whether a worker takes another session now: by what is measured, not by count alone.

A policy without I/O and clock. Three answers: any number, one and then a look at what it did to the
others, or none. How busy the model is says little by itself, for batches grow under load; so a
model at its limit is filled up one session at a time until sessions fall behind real time.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from livetranslate.monitoring.latch import Band, Latch


class AdmissionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a worker.

    Attributes:
        lag: Seconds that the session furthest behind is behind real time.
        loop_lag: Seconds by which the event loop is late.
        machine: Percent of the machine's memory in use.
        max_memory_bytes: Memory that the process may take, or None for no limit.
        memory_on: Part of that from which no more sessions are taken.
        memory_off: Part of it down to which none are taken then.
        careful_load: Load from which sessions are taken one by one.
        careful_s: Seconds between two of those.
    """

    lag: Band = Band(2.0, 1.0, on_after_s=2.0, off_after_s=2.0)
    loop_lag: Band = Band(0.5, 0.1, on_after_s=4.0, off_after_s=2.0)
    machine: Band = Band(95.0, 92.0, on_after_s=2.0, off_after_s=4.0)
    max_memory_bytes: int | None = None
    memory_on: float = 0.9
    memory_off: float = 0.8
    careful_load: float = 0.9
    careful_s: float = 5.0


class WorkerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of a worker in the last seconds.

    Attributes:
        load: Computing time that its sessions want, as a share of what there is.
        lag_s: Seconds that the session furthest behind is behind real time.
        loop_lag_s: Seconds by which the event loop was late.
        memory_bytes: Memory of the process.
        memory_percent: Memory of the machine in use.
    """

    load: float = 0.0
    lag_s: float = 0.0
    loop_lag_s: float = 0.0
    memory_bytes: int = 0
    memory_percent: float = 0.0


class Answer(Enum):
    """Whether sessions are taken."""

    OPEN = "open"
    CAREFUL = "careful"
    CLOSED = "closed"


class Admission:
    """Decides for one worker; see the module.

    Args:
        options: Limits.
    """

    def __init__(self, options: AdmissionOptions) -> None:
        self._options = options
        limit = options.max_memory_bytes
        self._lag = Latch(options.lag)
        self._loop = Latch(options.loop_lag)
        self._machine = Latch(options.machine)
        self._memory = (
            Latch(Band(limit * options.memory_on, limit * options.memory_off)) if limit else None
        )
        self._figures = WorkerFigures()
        self._since_s: float | None = None

    @property
    def answer(self) -> Answer:
        """The answer to the figures looked at last."""
        if self.why_not is not None:
            return Answer.CLOSED
        if self._figures.load < self._options.careful_load:
            return Answer.OPEN
        if self._since_s is not None and self._since_s < self._options.careful_s:
            return Answer.CLOSED
        return Answer.CAREFUL

    @property
    def why_not(self) -> str | None:
        """What keeps the worker from taking sessions, or None if nothing does."""
        seen = self._figures
        if self._lag.on:
            return f"its sessions are {seen.lag_s:.1f} s behind"
        if self._memory is not None and self._memory.on:
            return f"it is near its memory limit ({seen.memory_bytes >> 20} MB in use)"
        if self._machine.on:
            return f"{seen.memory_percent:.0f} % of the machine's memory are in use"
        if self._loop.on:
            return f"its event loop is {seen.loop_lag_s:.1f} s late"
        return None

    def look(self, figures: WorkerFigures, elapsed_s: float) -> Answer:
        """Take new figures, ``elapsed_s`` after those before."""
        self._figures = figures
        if self._since_s is not None:
            self._since_s += elapsed_s
        self._lag.look(figures.lag_s, elapsed_s)
        self._loop.look(figures.loop_lag_s, elapsed_s)
        self._machine.look(figures.memory_percent, elapsed_s)
        if self._memory is not None:
            self._memory.look(figures.memory_bytes, elapsed_s)
        return self.answer

    def taken(self) -> None:
        """Note that a session was taken."""
        self._since_s = 0.0
