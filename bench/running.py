"""A platform of the benchmark's own: ``livetranslate up`` on free ports, in a folder that goes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.options import ROOT, BenchOptions
from livetranslate.domain.errors import BackendUnavailable

START_S = 90.0
LOOK_S = 0.1


class Platform:
    """A running platform.

    Args:
        process: Its main process.
        port: Port of orchestration.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = psutil.Process(process.pid)
        self.url = f"ws://127.0.0.1:{port}/ws"

    def cpu_s(self) -> tuple[float, float]:
        """Return the seconds computed so far by the main process and by its children."""
        children = self._process.children(recursive=True)
        return _cpu(self._process), sum(_cpu(child) for child in children)

    def pss_bytes(self) -> int:
        """Return the proportional memory of all processes together (``Pss`` of smaps)."""
        processes = [self._process, *self._process.children(recursive=True)]
        return sum(one.memory_full_info().pss for one in processes)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@contextmanager
def platform(options: BenchOptions, extra: Mapping[str, str] | None = None) -> Generator[Platform]:
    """Start a platform with the model of the options and stop it in the end.

    Args:
        options: Which model.
        extra: Further settings, by the name of their variable.

    Raises:
        BackendUnavailable: It does not get ready.
    """
    with tempfile.TemporaryDirectory(prefix="livetranslate-bench-") as folder:
        ports = _free_ports(3)
        settings = {
            "HOST": "127.0.0.1",
            "PORT": str(ports[0]),
            "LIVETRANSLATE_DATA": folder,
            "LOG_LEVEL": "WARNING",
            "WHISPER_MODEL": str(options.model),
            "WHISPER_DEVICE": "cpu",
            "PYTHONPATH": str(ROOT / "src"),
        }
        command = [sys.executable, "-m", "livetranslate", "up"]
        command += ["--whisper-port", str(ports[1]), "--translation-port", str(ports[2])]
        log = Path(folder) / "up.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - this very program
                command, env=os.environ | settings | dict(extra or {}), stdout=output, stderr=output
            )
            try:
                _until_ready(process, ports[0], log)
                yield Platform(process, ports[0])
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health/ready", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(LOOK_S)
    tail = log.read_text(errors="replace")[-2000:]
    raise BackendUnavailable(f"the platform did not get ready: {tail}")


def _free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
