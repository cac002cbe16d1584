"""The platform as real processes on free ports: in one (``up``) or one a role (``serve``)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

START_S = 90.0


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """A running platform.

    Attributes:
        url: Base address of orchestration.
        websocket: Address of its ``/ws``.
        whisper: Base address of the whisper service.
        translation: Base address of the translation service.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            "LIVETRANSLATE_DATA": str(folder / "var"),
            "HOST": "127.0.0.1",
            "LOG_LEVEL": "INFO",
            **environment,
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        ports = [free_port() for _ in range(3)]
        self.url, self.whisper, self.translation = (f"http://127.0.0.1:{port}" for port in ports)
        self.websocket = f"ws://127.0.0.1:{ports[0]}/ws"
        self._ports = [str(port) for port in ports]

    def up(self) -> Installation:
        """Start everything in one process with its workers."""
        web, whisper, translation = self._ports
        self._start(
            "up", "--port", web, "--whisper-port", whisper, "--translation-port", translation
        )
        return self._ready()

    def apart(self) -> Installation:
        """Start one process a role."""
        self._environment["WHISPER_SERVICE_URL"] = self.whisper
        self._environment["TRANSLATION_SERVICE_URL"] = self.translation
        roles = ("orchestration", "whisper", "translation")
        for role, port in zip(roles, self._ports, strict=True):
            self._start("serve", role, "--port", port)
        return self._ready()

    def stop(self) -> None:
        """Stop every process that was started."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def get(self, path: str) -> Any:
        """The JSON answer to a GET on orchestration."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    async def fetch(self, path: str) -> Any:
        """The same without blocking the loop."""
        return await asyncio.to_thread(self.get, path)

    async def fetch_until(self, path: str, fits: Callable[[Any], bool]) -> Any:
        """The first answer that fits; fails after a while."""
        async with asyncio.timeout(30):
            while True:
                answer = await self.fetch(path)
                if fits(answer):
                    return answer

    def log(self) -> str:
        """What the processes have written."""
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log"))
        )

    def _start(self, *arguments: str) -> None:
        log = self._folder / f"{len(self._processes)}.log"
        with log.open("wb") as output:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "livetranslate", *arguments],
                    env=self._environment,
                    cwd=self._folder,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )

    def _ready(self) -> Installation:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if any(process.poll() is not None for process in self._processes):
                break
            try:
                self.get("/api/health/ready")
                return self
            except OSError:
                time.sleep(0.05)
        log = self.log()
        self.stop()
        raise RuntimeError(f"the platform did not start:\n{log}")
