"""Watches the figures of this process's platform and keeps its alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.domain.events import SessionEnded
from livetranslate.domain.session import EndReason
from livetranslate.monitoring.alerts import Alert, AlertBook, AlertChanges
from livetranslate.monitoring.machine import Machine
from livetranslate.monitoring.rules import Lately, Snapshot, Thresholds, observations
from livetranslate.sessions.clock import Clock, SystemClock
from livetranslate.sessions.desk.base import ReportAge
from livetranslate.sessions.log.base import SessionLog, SessionState
from livetranslate.sessions.recorder import RecorderState

_log = structlog.get_logger(__name__)

LATELY_S = 900.0
"""Seconds over which failed sessions and lost results count."""


class AlertOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the watch.

    Attributes:
        thresholds: Of the rules.
        tick_s: Seconds between two looks.
        forget_s: A worker that fell silent and never came back is no longer missed after so long.
    """

    thresholds: Thresholds = Thresholds()
    tick_s: float = 2.0
    forget_s: float = 900.0


class AlertSources(msgspec.Struct, frozen=True, kw_only=True):
    """Where the figures come from.

    Attributes:
        reports: What workers said of themselves last.
        log: The sessions.
        recorder: How the recorder is doing, or None without one.
        database: Why the database cannot be reached, or None.
        breakers: State of each instance's circuit breaker.
        differences: What database and log disagree about, by session.
        configuration: Why the configuration file is refused, or None.
    """

    reports: Callable[[], Sequence[ReportAge]]
    log: SessionLog
    recorder: Callable[[], RecorderState | None] = lambda: None
    database: Callable[[], Awaitable[str | None]] | None = None
    breakers: Callable[[], Mapping[str, str]] = dict[str, str]
    differences: Callable[[], Mapping[str, str]] = dict[str, str]
    configuration: Callable[[], str | None] = lambda: None


class AlertWatch:
    """Looks at the figures every few seconds.

    Args:
        sources: Where they come from.
        machine: Measured with each look; nobody else does.
        options: Thresholds and times.
        clock: Tells the time.

    Attributes:
        book: The alerts.
    """

    def __init__(
        self,
        sources: AlertSources,
        machine: Machine,
        options: AlertOptions | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.book = AlertBook()
        self._sources = sources
        self._machine = machine
        self._options = options or AlertOptions()
        self._clock = clock or SystemClock()
        self._listeners: list[Callable[[AlertChanges], None]] = []
        self._looked_at = self._clock.monotonic()
        self._missing = _Missing(self._options)
        self._ends = _Ends(sources.log)
        self._lost = Lately(LATELY_S)
        self._lost_before = 0

    def watch(
        self,
        *,
        breakers: Callable[[], Mapping[str, str]] | None = None,
        differences: Callable[[], Mapping[str, str]] | None = None,
        configuration: Callable[[], str | None] | None = None,
    ) -> None:
        """Look at more figures than those known from the start."""
        given = {
            "breakers": breakers,
            "differences": differences,
            "configuration": configuration,
        }
        added = {name: source for name, source in given.items() if source is not None}
        self._sources = msgspec.structs.replace(self._sources, **added)

    def listen(self, listener: Callable[[AlertChanges], None]) -> None:
        """Have a function called with what each look changed; it must not block or raise."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except LiveTranslateError as error:
                _log.warning("alerts not looked at", reason=error.message)
            except Exception:  # noqa: BLE001 - the watch must outlive any fault in one look
                _log.exception("alerts not looked at")
            await asyncio.sleep(self._options.tick_s)

    async def look(self) -> AlertChanges:
        """Look once; tell the log and whoever listens what is new."""
        self._machine.sample()
        seen = await self._snapshot()
        now = self._clock.monotonic()
        elapsed_s, self._looked_at = now - self._looked_at, now
        found = observations(seen, self._options.thresholds)
        changes = self.book.look(found, self._clock.utc(), elapsed_s)
        for alert in changes.raised:
            _log.warning("alert raised", message=alert.message, **_named(alert))
        for alert in changes.cleared:
            _log.info("alert cleared", **_named(alert))
        if changes.raised or changes.cleared:
            for listener in self._listeners:
                listener(changes)
        return changes

    def describe(self, changes: AlertChanges | None = None) -> dict[str, Any]:
        """Return what subscribers of ``alerts`` are told: what holds, and what has just changed."""
        told = changes or AlertChanges()
        return {
            "active": msgspec.to_builtins(self.book.active),
            "raised": msgspec.to_builtins(told.raised),
            "cleared": msgspec.to_builtins(told.cleared),
        }

    async def _snapshot(self) -> Snapshot:
        sources, now = self._sources, self._clock.monotonic()
        states = await sources.log.sessions()
        ended, failed = await self._ends.lately(states, now)
        recorder = sources.recorder()
        lost = recorder.lost if recorder else 0
        self._lost.add(now, lost - self._lost_before)
        self._lost_before = lost
        return Snapshot(
            heartbeats_s=self._missing.heartbeats(sources.reports(), now),
            session_queue=sum(one.worker_id is None and not one.ended for one in states),
            memory_percent=self._machine.memory_percent,
            ended=ended,
            failed=failed,
            breakers=sources.breakers(),
            database_error=await sources.database() if sources.database else None,
            recorder_failing_s=recorder.failing_s if recorder else 0.0,
            events_lost=self._lost.total(now),
            differences=sources.differences(),
            configuration_error=sources.configuration(),
        )


class _Missing:
    """Heartbeats of the workers that report, and of those that fell silent and are missed."""

    def __init__(self, options: AlertOptions) -> None:
        self._late_s = 2 * options.thresholds.heartbeat_s
        self._forget_s = options.forget_s
        self._missed: dict[str, float] = {}

    def heartbeats(self, reports: Sequence[ReportAge], now: float) -> dict[str, float]:
        """Return the seconds since each worker's last heartbeat.

        One that is gone without having been late left in order; one that was late before it was
        forgotten elsewhere is still missed.
        """
        ages = {one.report.worker_id: one.age_s for one in reports if not one.report.draining}
        present = {one.report.worker_id for one in reports}
        for worker_id, age_s in ages.items():
            if age_s > self._late_s:
                self._missed[worker_id] = now - age_s
        self._missed = {
            worker_id: since
            for worker_id, since in self._missed.items()
            if now - since < self._forget_s
            and (worker_id not in present or ages.get(worker_id, 0.0) > self._late_s)
        }
        return {**{name: now - since for name, since in self._missed.items()}, **ages}


class _Ends:
    """Counts each session's end once."""

    def __init__(self, log: SessionLog) -> None:
        self._source = log
        self._known: set[str] = set()
        self._ended = Lately(LATELY_S)
        self._failed = Lately(LATELY_S)

    async def lately(self, states: Sequence[SessionState], now: float) -> tuple[int, int]:
        """Return how many sessions ended lately, and how many of them failed."""
        over = {state.session_id: state for state in states if state.ended}
        for session_id in over.keys() - self._known:
            if (failed := await self._is_failure(over[session_id])) is not None:
                self._ended.add(now)
                self._failed.add(now, int(failed))
        self._known = set(over)
        return self._ended.total(now), self._failed.total(now)

    async def _is_failure(self, state: SessionState) -> bool | None:
        """Return whether a session failed, by its last event; None if it is gone meanwhile."""
        try:
            events = await self._source.read_events(state.session_id, state.last_event_id - 1)
        except LiveTranslateError:
            return None
        last = events[-1] if events else None
        return isinstance(last, SessionEnded) and last.reason is EndReason.FAILED


def _named(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "rule": alert.rule,
        "subject": alert.subject or None,
        "severity": alert.severity.value,
        "value": alert.value,
        "threshold": alert.threshold,
    }
