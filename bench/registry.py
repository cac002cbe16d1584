"""All benchmarks by name."""

from __future__ import annotations

import importlib
from types import ModuleType

from bench.options import BenchOptions
from bench.report import Report
from livetranslate.domain.errors import InvalidInput

NAMES = (
    *("window", "latency", "startup", "sessions", "memory", "longfile", "overhead", "wer"),
    *("edge", "fanout", "gateway", "drift", "diarization"),
    "database",
    *("enhancement", "chunking", "webcam"),
)
"""Modules beside this one, each with ``run(options) -> Report``."""

ALIASES = {"encoder": "window"}


def summaries() -> dict[str, str]:
    """Return what each benchmark measures, in a line."""
    return {name: (_module(name).__doc__ or "").partition("\n")[0] for name in NAMES}


def run(name: str, options: BenchOptions) -> Report:
    """Run a benchmark; raises InvalidInput if there is none of that name."""
    name = ALIASES.get(name, name)
    if name not in NAMES:
        raise InvalidInput(
            f"there is no benchmark {name!r}; there are {', '.join(NAMES)}", field="name"
        )
    report: Report = _module(name).run(options)
    return report


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"bench.{name}")
