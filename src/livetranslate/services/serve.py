"""``livetranslate serve ROLE``: one role of a distributed installation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum

from rich.console import Console

import livetranslate
from livetranslate.services.core import Core
from livetranslate.services.logs import configure_logs
from livetranslate.services.running import run, run_orchestration, run_translation, run_whisper
from livetranslate.services.server import bind, port_of
from livetranslate.settings import load_settings


class Role(str, Enum):
    """Roles that are served on a port of their own."""

    ORCHESTRATION = "orchestration"
    WHISPER = "whisper"
    TRANSLATION = "translation"


PORTS = {Role.ORCHESTRATION: 3000, Role.WHISPER: 5001, Role.TRANSLATION: 5003}
"""Ports of the roles by default; PORT changes orchestration's alone."""

_RUNNERS = {
    Role.ORCHESTRATION: run_orchestration,
    Role.WHISPER: run_whisper,
    Role.TRANSLATION: run_translation,
}


def run_role(role: Role, *, port: int | None, overrides: Mapping[str, object]) -> None:
    """Run a role until Ctrl-C.

    Args:
        role: The role.
        port: Its port; None takes the role's own, 0 a free one.
        overrides: Settings that the command line says.

    Raises:
        InvalidInput: A setting is wrong.
        Conflict: The port is in use.
    """
    settings = load_settings(config_file=None, **overrides)
    configure_logs(settings.log_level)
    if port is None:
        port = settings.port if role is Role.ORCHESTRATION else PORTS[role]
    bound = bind(settings.host, port, "--port")

    async def ready(core: Core | None) -> None:
        del core
        Console(stderr=True).print(
            f"[bold]LiveTranslate {livetranslate.__version__}[/] {role.value} on "
            f"http://{settings.host}:{port_of(bound)}"
        )

    async def main(stop: asyncio.Event) -> None:
        await _RUNNERS[role](settings, bound, stop, ready)

    run(main)
