"""What a figure must be read with: the machine, its load and the versions; no names, no paths."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import psutil

PACKAGES = ("ctranslate2", "faster-whisper", "onnxruntime", "numpy", "uvicorn", "websockets")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine at the time of a run.

    Attributes:
        date: Day of the run, UTC.
        cpu: Model of the processor.
        cores: Logical cores.
        memory_gib: Memory.
        system: Operating system.
        python: Version of Python.
        packages: Versions of what the figures hang on.
        load: Processes that wanted a core in the minute before the run, on average.
    """

    date: str
    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str
    packages: dict[str, str]
    load: float


def describe() -> Machine:
    """Return this machine as it is now."""
    return Machine(
        date=datetime.now(UTC).date().isoformat(),
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
        load=round(os.getloadavg()[0], 2),
    )


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
