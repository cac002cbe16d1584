"""Talk with a process of a benchmark: one JSON object a line, answered by one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any

import msgspec
import psutil

from bench.options import ROOT
from livetranslate.domain.errors import BackendUnavailable


async def serve_commands(
    answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]], **facts: object
) -> None:
    """Tell that the process is ready, with some facts; then answer until the input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _tell(facts)
    while line := await reader.readline():
        try:
            _tell(await answer(msgspec.json.decode(line)))
        except (OSError, TimeoutError, ValueError) as error:
            _tell({"error": f"{type(error).__name__}: {error}"})


def _tell(message: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


class Process:
    """A module of the benchmarks that runs on its own and is told what to do.

    Args:
        module: Its name.
        arguments: Of its command line.
        environment: Further variables.

    Attributes:
        told: The facts that it began with.
    """

    def __init__(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": paths, "LOG_LEVEL": "ERROR"} | dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._known = psutil.Process(self._process.pid)
        self.told = self._read()

    def __enter__(self) -> Process:
        """Return the process, for a with block that ends it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def do(self, name: str, **fields: object) -> dict[str, Any]:
        """Give a command and return the answer; raises BackendUnavailable if it failed."""
        self.begin(name, **fields)
        return self.answer()

    def begin(self, name: str, **fields: object) -> None:
        """Give a command; ``answer`` returns what comes of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode({"do": name, **fields}) + b"\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Return the answer to a command that was begun."""
        found = self._read()
        if "error" in found:
            raise BackendUnavailable(f"a process of the benchmark failed: {found['error']}")
        return found

    @property
    def pss(self) -> int:
        """Bytes of memory, with its share of what processes share."""
        return int(self._known.memory_full_info().pss)

    @property
    def cpu_s(self) -> float:
        """Seconds computed so far."""
        times = self._known.cpu_times()
        return float(times.user + times.system)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BackendUnavailable("a process of the benchmark ended before its time")
        return msgspec.json.decode(line)


def crowd_for(server: Process) -> Process:
    """Return clients of a server that told its ``port``."""
    return Process("bench.crowds.clients", f"ws://127.0.0.1:{server.told['port']}/ws")
