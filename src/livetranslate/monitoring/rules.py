"""The rules of alerts: figures in, observations out. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import msgspec

from livetranslate.monitoring.alerts import Observation, Severity


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Above which figures an alert is raised, and at which it is cleared.

    Attributes:
        heartbeat_s: Seconds between two heartbeats of a worker; two missed ones are critical.
        queue: Sessions that wait for a worker.
        queue_clear: The same, to be cleared.
        memory_percent: Of the machine.
        memory_clear: The same, to be cleared.
        failures_percent: Share of the sessions that ended lately and failed.
        failures_clear: The same, to be cleared.
        failures_least: Sessions that must have ended lately for that share to mean anything.
        recorder_s: Seconds for which the recorder could not write.
    """

    heartbeat_s: float = 30.0
    queue: float = 50
    queue_clear: float = 40
    memory_percent: float = 85.0
    memory_clear: float = 80.0
    failures_percent: float = 5.0
    failures_clear: float = 3.0
    failures_least: int = 20
    recorder_s: float = 10.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The figures that the rules look at.

    Attributes:
        heartbeats_s: Seconds since the last heartbeat of each worker.
        session_queue: Sessions that wait for a worker.
        memory_percent: Of the machine.
        ended: Sessions that ended lately.
        failed: Those of them that failed.
        breakers: State of the circuit breaker of each instance of a service.
        database_error: Why the database cannot be reached, or None.
        recorder_failing_s: Seconds for which the recorder could not write; 0 while it can.
        events_lost: Events that the recorder gave up lately.
        differences: What database and log disagree about, by session.
        configuration_error: Why the configuration file is refused, or None.
    """

    heartbeats_s: Mapping[str, float] = {}
    session_queue: int = 0
    memory_percent: float = 0.0
    ended: int = 0
    failed: int = 0
    breakers: Mapping[str, str] = {}
    database_error: str | None = None
    recorder_failing_s: float = 0.0
    events_lost: int = 0
    differences: Mapping[str, str] = {}
    configuration_error: str | None = None


BREAKER_VALUES = {"closed": 0.0, "half_open": 0.5}
"""States of a breaker as figures; any other is open."""


def observations(seen: Snapshot, limits: Thresholds) -> Iterator[Observation]:
    """Yield what every rule says."""
    for worker_id, age_s in seen.heartbeats_s.items():
        yield Observation(
            rule="worker_heartbeat",
            subject=worker_id,
            severity=Severity.CRITICAL,
            value=round(age_s, 1),
            threshold=2 * limits.heartbeat_s,
            clear_at=limits.heartbeat_s,
            message=f"worker {worker_id} has been silent for {age_s:.0f} s",
        )
    yield Observation(
        rule="session_queue",
        severity=Severity.WARNING,
        value=seen.session_queue,
        threshold=limits.queue,
        clear_at=limits.queue_clear,
        message=f"{seen.session_queue} sessions wait for a worker; more workers are needed",
    )
    yield Observation(
        rule="memory",
        severity=Severity.WARNING,
        value=seen.memory_percent,
        threshold=limits.memory_percent,
        clear_at=limits.memory_clear,
        message=f"{seen.memory_percent:.0f} % of the machine's memory are in use",
    )
    yield _failures(seen, limits)
    for instance, state in seen.breakers.items():
        yield Observation(
            rule="breaker",
            subject=instance,
            severity=Severity.WARNING,
            value=BREAKER_VALUES.get(state, 1.0),
            threshold=0.9,
            clear_at=0.0,
            message=f"{instance} does not answer; requests go elsewhere or are refused at once",
        )
    yield from _database(seen, limits)
    yield Observation(
        rule="configuration",
        severity=Severity.WARNING,
        value=float(seen.configuration_error is not None),
        threshold=0,
        clear_at=0,
        message=f"the configuration file is refused, the one before stays: "
        f"{seen.configuration_error}",
    )
    for session_id, difference in seen.differences.items():
        yield Observation(
            rule="session_difference",
            subject=session_id,
            severity=Severity.WARNING,
            value=1,
            threshold=0,
            clear_at=0,
            message=difference,
        )


def _failures(seen: Snapshot, limits: Thresholds) -> Observation:
    enough = seen.ended >= limits.failures_least
    percent = 100 * seen.failed / seen.ended if enough and seen.ended else 0.0
    return Observation(
        rule="session_failures",
        severity=Severity.WARNING,
        value=round(percent, 1),
        threshold=limits.failures_percent,
        clear_at=limits.failures_clear,
        message=f"{seen.failed} of the {seen.ended} sessions that ended lately failed",
    )


def _database(seen: Snapshot, limits: Thresholds) -> Iterator[Observation]:
    yield Observation(
        rule="database",
        severity=Severity.CRITICAL,
        value=float(seen.database_error is not None),
        threshold=0,
        clear_at=0,
        message=f"the database is out of reach: {seen.database_error}",
    )
    yield Observation(
        rule="recorder",
        severity=Severity.WARNING,
        value=round(seen.recorder_failing_s, 1),
        threshold=limits.recorder_s,
        clear_at=0,
        message=f"results have waited for the database for {seen.recorder_failing_s:.0f} s",
    )
    yield Observation(
        rule="recorder_lost",
        severity=Severity.CRITICAL,
        value=seen.events_lost,
        threshold=0,
        clear_at=0,
        message=f"{seen.events_lost} results could not be written and are lost",
    )


class Lately:
    """How much of something there was in the last seconds. Pure: the time is told.

    Args:
        window_s: Seconds that count.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, number: int = 1) -> None:
        """Note that there was so much."""
        if number:
            self._seen.append((now, number))

    def total(self, now: float) -> int:
        """Return how much there was."""
        while self._seen and now - self._seen[0][0] > self._window_s:
            self._seen.popleft()
        return sum(number for _, number in self._seen)
