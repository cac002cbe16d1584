"""The platform's whole orchestration in front of one whisper instance."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import uvloop

from bench.crowds.pipes import serve_commands
from bench.proxies.pinning import pin
from livetranslate.services.core import Core
from livetranslate.services.gateway.options import gateway_of
from livetranslate.services.logs import configure_logs
from livetranslate.services.orchestration import create_orchestration_app
from livetranslate.services.server import HttpServer, bind, port_of, run_servers
from livetranslate.settings import load_settings
from livetranslate.translation.remote import RemoteOptions, RemoteTranslator


async def main(upstream: str, folder: Path) -> None:
    """Serve on a free port; nothing is left out but the limit on one caller's requests."""
    configure_logs("ERROR")
    settings = load_settings(
        config_file=None,
        livetranslate_data=folder,
        whisper_service_url=(upstream,),
        rate_limit_requests=1_000_000.0,
        rate_limit_burst=1_000_000_000,
    )
    core = Core(settings, keeps_records=False)
    gateway = gateway_of(settings)
    translator = RemoteTranslator(RemoteOptions(urls=("http://127.0.0.1:9",)))
    app = create_orchestration_app(core, gateway, translator, web=None)
    bound = bind("127.0.0.1", 0, "--port")
    await core.start()
    async with gateway.running():
        serving = asyncio.create_task(run_servers([HttpServer(app, bound)], asyncio.Event()))
        await serve_commands(pin, port=port_of(bound))
        serving.cancel()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as created:
        uvloop.run(main(sys.argv[1], Path(created)))
