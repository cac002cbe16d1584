"""The machine: Python, processors, disk space, and the programs beside Python."""

from __future__ import annotations

import ctypes.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from livetranslate.asr.models.device import DeviceKind, detect_devices
from livetranslate.services.doctor.findings import Finding, broken, missing, ok

AREA = "machine"
PROGRAMS = "programs"
LOW_DISK_BYTES = 2_000_000_000
OLDEST_PYTHON = (3, 11)

_OWN_NODE = str(Path(sys.prefix, "node", "node"))  # where make setup keeps one

_PROGRAMS: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("Chromium", ("chromium", "chromium-browser", "google-chrome"), "the meeting bot", "chromium"),
    ("Node", ("node", _OWN_NODE), "building the web app (make setup brings one)", "nodejs npm"),
    ("Redis", ("redis-server",), "a distributed installation on this machine", "redis-server"),
    ("eSpeak NG", ("espeak-ng",), "an embedded voice", "espeak-ng"),
    ("Flite", ("flite",), "an embedded voice", "flite"),
)
"""Name, commands, what wants it, Debian packages."""


def check_machine(places: Sequence[Path]) -> list[Finding]:
    """Return findings about Python, devices, disks and programs.

    Args:
        places: Directories that the platform writes to.
    """
    return [
        _python(),
        *_devices(),
        *(_disk(place) for place in dict.fromkeys(map(_existing, places))),
        *(_program(*program) for program in _PROGRAMS),
        _postgresql(),
        _portaudio(),
    ]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info[:2] < OLDEST_PYTHON:
        return broken(
            AREA, "Python", f"{version} is too old", "sudo apt-get install python3.11 python3-venv"
        )
    return ok(AREA, "Python", f"{version} in {sys.prefix}")


def _devices() -> list[Finding]:
    devices = detect_devices()
    found = [
        ok(
            AREA,
            device.kind.value.upper(),
            f"{device.name}; {device.default_compute_type} of {', '.join(device.compute_types)}",
        )
        for device in devices
    ]
    if all(device.kind is DeviceKind.CPU for device in devices):
        detail = "none usable; small models run in real time on the processor"
        remedy = "an NVIDIA GPU with its driver, CUDA 12 and cuDNN 9"
        found.append(missing(AREA, "CUDA", detail, remedy))
    return found


def _existing(place: Path) -> Path:
    """Return the nearest directory that exists on the way to ``place``."""
    return next(parent for parent in (place, *place.parents) if parent.is_dir())


def _disk(place: Path) -> Finding:
    free = shutil.disk_usage(place).free
    detail = f"{free / 1e9:,.1f} GB free at {place}"
    if free < LOW_DISK_BYTES:
        return broken(
            AREA, "disk", detail, "make room, or set MODEL_DIR and DATABASE_URL to a larger disk"
        )
    return ok(AREA, "disk", detail)


def _program(name: str, commands: tuple[str, ...], wanted_by: str, packages: str) -> Finding:
    path = next(filter(None, map(shutil.which, commands)), None)
    if path is None:
        return missing(
            PROGRAMS, name, f"not found; for {wanted_by}", f"sudo apt-get install {packages}"
        )
    return ok(PROGRAMS, name, f"{_version(path)} ({path})")


def _version(path: str) -> str:
    """Return the version that a program tells of itself, if it does."""
    try:
        done = subprocess.run(  # noqa: S603 - programs of this machine, without outside input
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "does not run"
    told = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return told.group() if told else "found"


def _postgresql() -> Finding:
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    path = shutil.which("postgres") or (str(homes[-1]) if homes else None)
    if path is None:
        detail = "not found; for a production database on this machine (SQLite needs nothing)"
        return missing(PROGRAMS, "PostgreSQL", detail, "sudo apt-get install postgresql")
    return ok(PROGRAMS, "PostgreSQL", f"{_version(path)} ({path})")


def _portaudio() -> Finding:
    library = ctypes.util.find_library("portaudio")
    if library is None:
        detail = "not found; for `livetranslate mic`"
        return missing(PROGRAMS, "PortAudio", detail, "sudo apt-get install libportaudio2")
    return ok(PROGRAMS, "PortAudio", library)
