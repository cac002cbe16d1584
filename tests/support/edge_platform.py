"""Orchestration and whisper on real ports in this process, with a scripted worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import websockets

from livetranslate.services.core import Core
from livetranslate.services.forwarder import Forwarder
from livetranslate.services.gateway.gateway import Gateway
from livetranslate.services.gateway.options import gateway_of
from livetranslate.services.orchestration import create_orchestration_app
from livetranslate.services.server import HttpServer, bind, port_of, run_servers
from livetranslate.services.whisper import create_whisper_app
from livetranslate.settings import load_settings
from livetranslate.translation.base import Translation, TranslationRequest
from support.scripted_edges import Client, ScriptedWorker


class Platform:
    """Orchestration and whisper on ports, in one process, with a scripted worker."""

    def __init__(self, core: Core, whisper_core: Core, worker: ScriptedWorker) -> None:
        self.core = core
        self.whisper_core = whisper_core
        self.worker = worker
        self.ports: dict[str, int] = {}
        self.gateway: Gateway
        self.http: aiohttp.ClientSession

    def url(self, role: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[role]}{path}"

    @asynccontextmanager
    async def client(
        self, role: str = "orchestration", path: str = "/ws", **options: Any
    ) -> AsyncIterator[Client]:
        url = f"ws://127.0.0.1:{self.ports[role]}{path}"
        async with websockets.connect(url, compression=None, **options) as socket:
            yield Client(socket)

    async def get(self, path: str, role: str = "orchestration") -> Any:
        async with self.http.get(self.url(role, path)) as response:
            assert response.status == 200, await response.text()
            return await response.json()


class WordTranslator:
    """A translator for texts on Socket.IO; the sessions' own is the scripted worker's part."""

    async def translate(self, request: TranslationRequest) -> list[Translation]:
        return [
            Translation(
                translated_text=f"{request.target_language}:{text}",
                source_language=request.source_language,
                target_language=request.target_language,
                confidence=None,
                engine="words",
                cached=False,
                processing_time=0.0,
            )
            for text in request.texts
        ]

    async def close(self) -> None:
        return


@asynccontextmanager
async def platform_running(
    tmp_path: Path, *, apart: bool, **changes: Any
) -> AsyncIterator[Platform]:
    bound = {role: bind("127.0.0.1", 0, "--port") for role in ("orchestration", "whisper")}
    settings = load_settings(
        config_file=None,
        **{
            "livetranslate_data": tmp_path,
            "whisper_service_url": (f"http://127.0.0.1:{port_of(bound['whisper'])}",),
            "translation_service_url": ("http://127.0.0.1:9",),
            "service_timeout": 5.0,
            **changes,
        },
    )
    core = Core(settings, keeps_records=True)
    whisper_core = Core(settings, keeps_records=False) if apart else core
    worker = ScriptedWorker(whisper_core.log)
    await whisper_core.desk.report(worker.report())
    gateway = gateway_of(settings)
    platform = Platform(core, whisper_core, worker)
    platform.gateway = gateway
    platform.ports = {role: port_of(one) for role, one in bound.items()}
    web = tmp_path / "web"
    web.mkdir()
    (web / "index.html").write_text("<title>the web app</title>")
    orchestration = create_orchestration_app(core, gateway, WordTranslator(), web=web)
    servers = [
        HttpServer(orchestration, bound["orchestration"], before_stop=core.edge.close),
        HttpServer(
            create_whisper_app(whisper_core),
            bound["whisper"],
            before_stop=whisper_core.edge.close,
        ),
    ]
    stop = asyncio.Event()
    await core.start()
    if apart:
        await whisper_core.start()
    tasks = [asyncio.create_task(worker.run())]
    if apart:
        tasks.append(asyncio.create_task(Forwarder(core.log, core.desk, gateway).run()))
    running = asyncio.create_task(run_servers(servers, stop))
    try:
        async with aiohttp.ClientSession() as platform.http:
            yield platform
    finally:
        stop.set()
        await running
        await core.close(grace_s=0.2)
        if apart:
            await whisper_core.close(grace_s=0.2)
        await gateway.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
