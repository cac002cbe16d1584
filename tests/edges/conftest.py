from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.services.server import bind
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.manager import ManagerOptions
from support.clock import VirtualTimeLoop
from support.edge_platform import Platform, platform_running
from support.edge_server import NativeServer, serving

VIRTUAL_TIME = {"test_limits.py", "test_cleanup.py"}
"""Modules whose tests wait for long times that need not pass."""


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    virtual = item.path.name in VIRTUAL_TIME
    return {"virtual": VirtualTimeLoop} if virtual else {"real": asyncio.new_event_loop}


Serve = Callable[..., AbstractAsyncContextManager[NativeServer]]


@pytest.fixture
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Serve:
    """Return a context manager that serves with changed options.

    In virtual time it serves on a Unix socket: a network's delays would be real ones.
    """

    def listening() -> socket.socket:
        if request.path.name not in VIRTUAL_TIME:
            return bind("127.0.0.1", 0, "--port")
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(str(tmp_path / "edges.sock"))
        bound.listen(1000)
        bound.setblocking(False)
        return bound

    def make(
        log: LogOptions | None = None,
        manager: ManagerOptions | None = None,
        ping_s: float = 30.0,
        **options: Any,
    ) -> AbstractAsyncContextManager[NativeServer]:
        return serving(
            EdgeOptions(**options),
            log or LogOptions(),
            manager or ManagerOptions(),
            listening(),
            ping_s,
        )

    return make


@pytest.fixture
async def native(serve: Serve) -> AsyncIterator[NativeServer]:
    async with serve() as server:
        yield server


@pytest.fixture(params=["up", "apart"])
async def platform(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Platform]:
    """Run the platform in both arrangements: one log for all, and orchestration with its own."""
    async with platform_running(tmp_path, apart=request.param == "apart") as running:
        yield running


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform_running(tmp_path, apart=False) as running:
        yield running


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Platform]:
    """Run the platform in one process, with a key."""
    async with platform_running(tmp_path, apart=False, api_keys=("k1",)) as running:
        yield running
