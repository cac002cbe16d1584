"""Figures of the database for Prometheus and for ``/api/health``."""

from __future__ import annotations

from typing import Any

import msgspec

from livetranslate.monitoring.metrics import Gauge
from livetranslate.services.core import Core
from livetranslate.services.kept import Kept


def database_health(kept: Kept) -> dict[str, Any]:
    """Return how busy the database's door is: operations at once, and how long others waited."""
    return {"operations": msgspec.to_builtins(kept.database.load())}


def database_gauges(core: Core) -> list[Gauge]:
    """Return what Prometheus reads of the database and of what is written to it."""
    told: list[tuple[str, str, float]] = []
    if core.kept is not None:
        told += _reading(core.kept)
    recorder = core.manager.recorder_state()
    if recorder is not None:
        told += [
            ("recorder_sessions", "Sessions not yet written to their end.", recorder.sessions),
            ("recorder_waiting", "Of these, those whose last write failed.", recorder.waiting),
            ("recorder_failing_seconds", "Seconds of failing writes.", recorder.failing_s),
            ("recorder_lost", "Events that were given up or refused.", recorder.lost),
        ]
    return [Gauge(name=name, help=text, values={(): value}) for name, text, value in told]


def _reading(kept: Kept) -> list[tuple[str, str, float]]:
    load, cache = kept.database.load(), kept.live.load()
    return [
        ("database_operations", "Database operations at work.", load.running),
        ("database_waiting", "Database operations that wait their turn.", load.waiting),
        ("database_passed", "Database operations let in since the start.", load.passed),
        ("database_waited_seconds", "Seconds that all of them waited.", load.waited_s),
        ("database_longest_wait_seconds", "The longest of these waits.", load.longest_wait_s),
        ("database_cache_entries", "Reads of live sessions kept in memory.", cache.entries),
        ("database_cache_hits", "Reads answered from memory.", cache.hits),
        ("database_cache_misses", "Reads of live sessions not in memory.", cache.misses),
    ]
