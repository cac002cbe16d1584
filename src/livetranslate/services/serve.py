"""``livetranslate serve ROLE``: one role of a distributed installation."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING

from rich.console import Console

import livetranslate
from livetranslate.domain.errors import InvalidInput
from livetranslate.services.logs import configure_logs
from livetranslate.services.server import bind, port_of
from livetranslate.services.watch import RoleWatch, WatchOptions
from livetranslate.settings import Settings, load_settings

if TYPE_CHECKING:
    from livetranslate.services.core import Core


class Role(str, Enum):
    """Roles that are served on a port of their own."""

    ORCHESTRATION = "orchestration"
    WHISPER = "whisper"
    TRANSLATION = "translation"
    WORKER = "worker"


OPTIONS = {
    "host": "--host",
    "whisper_model": "--model",
    "worker_pool_size": "--workers",
    "log_level": "--log-level",
}
"""Options of the command line that the watched process is told again, by setting."""

DEFAULTS: dict[str, object] = {"redis_url": "redis://localhost:6379"}
"""Where ``serve`` differs: its processes share their sessions."""

PORTS = {Role.ORCHESTRATION: 3000, Role.WHISPER: 5001, Role.TRANSLATION: 5003, Role.WORKER: 0}
"""Ports of the roles by default; PORT changes orchestration's alone."""

LIVE = {
    Role.ORCHESTRATION: "/api/health/live",
    Role.WHISPER: "/health/live",
    Role.TRANSLATION: "/api/health/live",
    Role.WORKER: "/health/live",
}
"""Where each role tells that it runs, whatever it leans on."""


def run_role(
    role: Role, *, port: int | None, overrides: Mapping[str, object], listen_fd: int | None = None
) -> None:
    """Run a role until Ctrl-C, in a watched process of its own unless ``auto_recovery`` is off.

    Args:
        role: The role.
        port: Its port; None takes the role's own, 0 a free one.
        overrides: Settings that the command line says.
        listen_fd: Number of an inherited listening socket, in place of the port.

    Raises:
        InvalidInput: A setting is wrong.
        Conflict: The port is in use.
    """
    settings = load_settings(DEFAULTS, config_file=None, **overrides)
    configure_logs(settings.log_level)
    if role is Role.WORKER and settings.redis_url is None:
        raise InvalidInput(
            "workers take their sessions from Redis; set REDIS_URL to where it is",
            field="REDIS_URL",
        )
    if listen_fd is not None:
        _run_here(role, settings, socket.socket(fileno=listen_fd))
        return
    if port is None:
        port = settings.port if role is Role.ORCHESTRATION else PORTS[role]
    bound = bind(settings.host, port, "--port")
    if settings.auto_recovery:
        _run_watched(role, settings, bound, overrides)
    else:
        _run_here(role, settings, bound)


def _run_here(role: Role, settings: Settings, bound: socket.socket) -> None:
    # What the parent of a watched role does not need, and is spared.
    from livetranslate.services import running

    runners = {
        Role.ORCHESTRATION: running.run_orchestration,
        Role.WHISPER: running.run_whisper,
        Role.TRANSLATION: running.run_translation,
        Role.WORKER: running.run_worker,
    }
    bound.setblocking(False)

    async def ready(core: Core | None) -> None:
        del core
        Console(stderr=True).print(
            f"[bold]LiveTranslate {livetranslate.__version__}[/] {role.value} on "
            f"http://{settings.host}:{port_of(bound)}"
        )

    async def main(stop: asyncio.Event) -> None:
        await runners[role](settings, bound, stop, ready)

    running.run(main)


def _run_watched(
    role: Role, settings: Settings, bound: socket.socket, overrides: Mapping[str, object]
) -> None:
    command = [sys.executable, "-m", "livetranslate", "serve", role.value, "--no-watch"]
    command += ["--listen-fd", str(bound.fileno())]
    for name, option in OPTIONS.items():
        if overrides.get(name) is not None:
            command += [option, str(overrides[name])]
    watch = RoleWatch(
        command, bound, LIVE[role], WatchOptions(hang_s=settings.health_check_interval)
    )
    code = asyncio.run(watch.run())
    if code:
        sys.exit(code)
