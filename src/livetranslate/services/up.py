"""``livetranslate up``: the whole platform on one machine, with embedded defaults."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

import structlog
from rich.console import Console

import livetranslate
from livetranslate.services.api.health import speech_now
from livetranslate.services.api.webapp import find_web
from livetranslate.services.core import Core
from livetranslate.services.logs import configure_logs
from livetranslate.services.running import run, run_up
from livetranslate.services.server import bind, port_of
from livetranslate.settings import Settings, load_settings

DEFAULTS: dict[str, object] = {"worker_pool_size": "auto", "max_sessions_per_worker": 40}
"""Where ``up`` differs: one worker a device, with the room of the four of a distributed pool."""
LOOK_S = 0.2
"""How often it is looked whether a worker has told its engine."""

_log = structlog.get_logger(__name__)


def run_platform(
    *, whisper_port: int, translation_port: int, overrides: Mapping[str, object]
) -> None:
    """Run until Ctrl-C.

    Args:
        whisper_port: Port of the whisper service; 0 takes a free one.
        translation_port: Port of the translation service; 0 takes a free one.
        overrides: Settings that the command line says.

    Raises:
        InvalidInput: A setting is wrong.
        Conflict: A port is in use.
    """
    settings = load_settings(DEFAULTS, config_file=None, **overrides)
    configure_logs(settings.log_level)
    sockets = {
        "orchestration": bind(settings.host, settings.port, "--port"),
        "whisper": bind(settings.host, whisper_port, "--whisper-port"),
        "translation": bind(settings.host, translation_port, "--translation-port"),
    }
    local = {role: f"http://127.0.0.1:{port_of(bound)}" for role, bound in sockets.items()}
    settings = load_settings(
        DEFAULTS,
        config_file=None,
        **{
            **overrides,
            "whisper_service_url": (local["whisper"],),
            "translation_service_url": (local["translation"],),
        },
    )

    async def ready(core: Core | None) -> None:
        _welcome(settings, sockets)
        if core is not None:
            await _tell_engine(core)

    async def main(stop: asyncio.Event) -> None:
        await run_up(settings, sockets, stop, ready)

    run(main)


def _welcome(settings: Settings, sockets: dict[str, socket.socket]) -> None:
    shown = "localhost" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    ports = {role: port_of(bound) for role, bound in sockets.items()}
    database = settings.database_url.get_secret_value().partition("@")[2]
    console = Console(stderr=True)
    console.print(f"[bold]LiveTranslate {livetranslate.__version__}[/]")
    console.print(f"  Web app       http://{shown}:{ports['orchestration']}")
    console.print(f"  API           http://{shown}:{ports['orchestration']}/docs")
    console.print(f"  Whisper       http://{shown}:{ports['whisper']}")
    console.print(f"  Translation   http://{shown}:{ports['translation']}")
    where = database or settings.database_url.get_secret_value().partition(":///")[2]
    console.print(f"  Database      {where}")
    if find_web() is None:
        console.print("  The web app is not built: cd web && npm ci && npm run build")
    console.print("  Stop with Ctrl-C.")


async def _tell_engine(core: Core) -> None:
    """Say which speech engine is at work, as soon as a worker knows."""
    while (speech := speech_now(core)) is None:  # noqa: ASYNC110 - reports set no event
        await asyncio.sleep(LOOK_S)
    console = Console(stderr=True)
    if speech["engine"] is None:
        console.print(f"[bold red]No speech engine:[/] {speech['reason']}", soft_wrap=True)
        return
    console.print(
        f"[bold green]Ready.[/] Speech: {speech['engine']}, model {speech['model']} on "
        f"{speech['device']}. {speech['reason']}",
        soft_wrap=True,
        highlight=False,
    )
