"""Prometheus metrics: requests are counted as they come, states are read when they are scraped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Media type of the exposition."""


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """A state to be told with the next scrape.

    Attributes:
        name: Without the prefix ``livetranslate_``.
        help: What it counts, with its unit.
        values: One value for each set of labels; the key is their values, in order of ``labels``.
        labels: Names of the labels.
    """

    name: str
    help: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()


def key_gauges(
    *,
    total_workers: float = 0,
    ready_workers: float = 0,
    total_sessions: float = 0,
    session_queue_length: float = 0,
    memory_percent: float,
    cpu_percent: float,
) -> list[Gauge]:
    """Return the figures that every role tells under these names; one without a pool tells 0."""
    told = [
        ("total_workers", "Workers that report.", total_workers),
        ("ready_workers", "Workers that take sessions now.", ready_workers),
        ("total_sessions", "Live sessions.", total_sessions),
        ("session_queue_length", "Live sessions without a worker.", session_queue_length),
        ("memory_percent", "Memory of the machine in use, percent.", memory_percent),
        ("cpu_percent", "CPU of the machine in use, percent.", cpu_percent),
    ]
    return [Gauge(name=name, help=text, values={(): value}) for name, text, value in told]


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "livetranslate_http_requests",
            "HTTP requests answered.",
            ("service", "method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "livetranslate_http_request_seconds",
            "Seconds until an HTTP request was answered.",
            ("service", "route"),
            registry=self._registry,
        )
        self._total = 0
        self._failed = 0

    def request(self, service: str, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; ``route`` is its pattern, not its path."""
        self._requests.labels(service, method, route, str(status)).inc()
        self._seconds.labels(service, route).observe(seconds)
        self._total += 1
        self._failed += status >= 500

    @property
    def requests(self) -> tuple[int, int]:
        """Requests answered, and those of them that failed (5xx)."""
        return self._total, self._failed

    def exposition(self, gauges: Iterable[Gauge]) -> bytes:
        """Return everything in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(_Once([_family(gauge) for gauge in gauges]))
        return generate_latest(self._registry) + generate_latest(registry)


class _Once:
    """A collector of states read just now."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        return self._families


def _family(gauge: Gauge) -> GaugeMetricFamily:
    name = f"livetranslate_{gauge.name}"
    family = GaugeMetricFamily(name, gauge.help, labels=gauge.labels)
    for labels, value in gauge.values.items():
        family.add_metric(labels, value)
    return family
