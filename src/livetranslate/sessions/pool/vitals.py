"""What a worker measures of itself, and the gate in front of its next session."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from time import monotonic

import psutil

from livetranslate.asr.engine import LoadedModel
from livetranslate.asr.manager import ModelManager
from livetranslate.sessions.host.host import SessionHost
from livetranslate.sessions.pool.admission import (
    Admission,
    AdmissionOptions,
    Answer,
    WorkerFigures,
)
from livetranslate.sessions.pool.gauge import LoadGauge

TICK_S = 0.25
"""Seconds between two looks at how late the event loop is."""
MEASURE_TICKS = 4
"""Ticks between two measurements of everything else."""
KEPT_TICKS = 16
"""Ticks over which the latest lateness counts."""
BEHIND_S = 1.0
"""Seconds from which a session counts as behind real time."""
BUSY_KEPT = 6
"""Measurements over which the share is taken that each model computed."""


class Vitals:
    """Measures one worker; sessions are taken only through its gate.

    Args:
        hosts: The sessions that the worker holds.
        models: Its models.
        options: When it takes sessions.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        hosts: Collection[SessionHost],
        models: ModelManager,
        options: AdmissionOptions,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._hosts = hosts
        self._models = models
        self._clock = clock
        self._process = psutil.Process()
        self._admission = Admission(options)
        self._gauge = LoadGauge()
        self._late_s: deque[float] = deque([0.0], maxlen=KEPT_TICKS)
        self._gone_s = 0.0
        self._busy: deque[tuple[float, dict[tuple[str, str], float]]] = deque(maxlen=BUSY_KEPT)
        self._looked_at = clock()
        self._open = asyncio.Event()
        self.measure()

    @property
    def rtf(self) -> float | None:
        """Computing seconds for a second of audio lately, or None without audio."""
        return self._gauge.rtf

    def model_load(self, model: LoadedModel) -> float:
        """Return the share of the last seconds that a model computed."""
        known = [(at, busy[_name(model)]) for at, busy in self._busy if _name(model) in busy]
        if len(known) < 2:
            return 0.0
        (first_at, first_s), (last_at, last_s) = known[0], known[-1]
        return round(max(0.0, last_s - first_s) / max(last_at - first_at, 1e-9), 3)

    @property
    def why_not(self) -> str | None:
        """Why no session is taken now, or None if one is."""
        if self._admission.answer is not Answer.CLOSED:
            return None
        return self._admission.why_not or (
            "its model is busy: it takes sessions one by one and looks at what each does"
        )

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            for _ in range(MEASURE_TICKS):
                began = self._clock()
                await asyncio.sleep(TICK_S)
                self._late_s.append(max(0.0, self._clock() - began - TICK_S))
            self.measure()

    def measure(self) -> None:
        """Measure everything now and open or close the gate."""
        now = self._clock()
        hosts = list(self._hosts)
        heard = {(host.session_id, host.claim.epoch): host.heard_s for host in hosts}
        lags = {(host.session_id, host.claim.epoch): host.lag_s for host in hosts}
        behind = [session for session, lag_s in lags.items() if lag_s >= BEHIND_S]
        audio_s = self._gone_s + sum(heard.values())
        loaded = self._models.loaded()
        self._busy.append((now, {_name(model): model.busy_s for model in loaded}))
        self._gauge.read(now, self._models.live_s, audio_s, heard, behind)
        self.figures = WorkerFigures(
            load=round(self._gauge.load, 3),
            lag_s=round(max(lags.values(), default=0.0), 3),
            loop_lag_s=round(max(self._late_s), 3),
            memory_bytes=self._process.memory_full_info().pss,
            memory_percent=psutil.virtual_memory().percent,
        )
        self._admission.look(self.figures, now - self._looked_at)
        self._looked_at = now
        self._set_gate()

    @property
    def open(self) -> bool:
        """Whether any number of sessions may be taken."""
        return self._admission.answer is Answer.OPEN

    async def admitted(self) -> None:
        """Wait until a session may be taken."""
        await self._open.wait()

    def taken(self) -> None:
        """Note that one was taken."""
        self._admission.taken()
        self._set_gate()

    def gone(self, host: SessionHost) -> None:
        """Note that a session is not held any more."""
        self._gone_s += host.heard_s

    def _set_gate(self) -> None:
        if self._admission.answer is Answer.CLOSED:
            self._open.clear()
        else:
            self._open.set()


def _name(model: LoadedModel) -> tuple[str, str]:
    return (model.info.engine, model.info.model)
