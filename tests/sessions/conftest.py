from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from livetranslate.sessions.log.base import LogOptions, SessionLog
from support.clock import VirtualTimeLoop
from support.logs import BACKENDS, REDIS_UNIT_S, MakeLog, opened_log
from support.redis_server import RedisServer

REAL_TIME = {
    "test_configuration.py",
    "test_desk.py",
    "test_redis_desk.py",
    "test_host.py",
    "test_host_configuration.py",
    "test_redis_log.py",
    "test_supervisor.py",
    "test_worker.py",
    "test_worker_processes.py",
}
"""Modules whose tests wait for threads or other processes (Redis), which know no virtual time."""


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    real = item.path.name in REAL_TIME
    return {"real": asyncio.new_event_loop} if real else {"virtual": VirtualTimeLoop}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def unit(backend: str) -> float:
    """Seconds of a unit of time: one, or less where time really passes."""
    return REDIS_UNIT_S if backend == "redis" else 1.0


@pytest.fixture
async def make_log(backend: str, shared_redis: RedisServer) -> AsyncIterator[MakeLog]:
    async with AsyncExitStack() as stack:

        async def make(**options: float) -> SessionLog:
            return await stack.enter_async_context(
                opened_log(
                    backend,
                    LogOptions(**options),
                    redis_url=shared_redis.url,
                )
            )

        yield make


@pytest.fixture
async def log(make_log: MakeLog) -> SessionLog:
    return await make_log()
