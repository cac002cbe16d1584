"""The platform as real processes on free ports: in one (``up``) or one a role (``serve``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.parts import Part
from support.ports import free_port


class Installation:
    """A running platform.

    Attributes:
        url: Base address of orchestration.
        websocket: Address of its ``/ws``.
        whisper: Base address of the whisper service.
        translation: Base address of the translation service.
        parts: Its processes; the first one is orchestration's.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = {"HOST": "127.0.0.1", "REDIS_URL": "off", **environment}
        ports = [free_port() for _ in range(3)]
        self.url, self.whisper, self.translation = (f"http://127.0.0.1:{port}" for port in ports)
        self.websocket = f"ws://127.0.0.1:{ports[0]}/ws"
        self.parts: list[Part] = []
        self._ports = [str(port) for port in ports]

    def up(self) -> Installation:
        """Start everything in one process with its workers."""
        web, whisper, translation = self._ports
        ports = ["--port", web, "--whisper-port", whisper, "--translation-port", translation]
        self.parts = [self._part("up", ["up", *ports])]
        return self._start()

    def apart(self) -> Installation:
        """Start one process a role."""
        self._environment["WHISPER_SERVICE_URL"] = self.whisper
        self._environment["TRANSLATION_SERVICE_URL"] = self.translation
        roles = ("orchestration", "whisper", "translation")
        self.parts = [
            self._part(role, ["serve", role, "--port", port])
            for role, port in zip(roles, self._ports, strict=True)
        ]
        return self._start()

    def stop(self) -> None:
        """Stop every process that was started."""
        for part in self.parts:
            part.stop()

    def get(self, path: str) -> Any:
        """The JSON answer to a GET on orchestration."""
        return self.parts[0].get(path)

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
        return "\n".join(part.log for part in self.parts)

    def _part(self, name: str, arguments: list[str]) -> Part:
        data = str(self._folder / "var")
        return Part(
            name,
            arguments,
            {"LIVETRANSLATE_DATA": data, **self._environment},
            self._folder,
            url=self.url,
            ready="/api/health/ready",
        )

    def _start(self) -> Installation:
        for part in self.parts:
            part.start()
        try:
            self.parts[0].wait()
        except RuntimeError as error:
            log = self.log()
            self.stop()
            raise RuntimeError(f"the platform did not start:\n{log}") from error
        return self
