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
