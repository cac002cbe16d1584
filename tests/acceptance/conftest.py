"""Installations for the acceptance tests: real processes, real models, real audio."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.distributed import Distributed
from support.installation import Installation
from support.postgres import postgres_server
from support.redis_server import redis_server
from support.survival import SETTINGS, Rehearsed, rehearse, speeches

SPEECH_S = 6.0
ENVIRONMENT = {"MAX_SESSIONS_PER_WORKER": "32", "WORKER_POOL_SIZE": "1"}


@pytest.fixture(scope="module", params=["up"])
def installation(
    request: pytest.FixtureRequest, whisper_fixture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The whole platform in one process with its workers; ``apart`` is one process a role."""
    folder = tmp_path_factory.mktemp(f"platform-{request.param}")
    started = Installation(folder, {**ENVIRONMENT, "WHISPER_MODEL": str(whisper_fixture)})
    yield getattr(started, request.param)()
    started.stop()


@pytest.fixture(scope="package")
def database() -> Iterator[str]:
    """A PostgreSQL for the distributed installations."""
    with postgres_server() as server:
        yield server.create("survival")


@pytest.fixture(scope="package")
def distributed(
    database: str, whisper_fixture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Distributed]:
    """Two instances of orchestration and three workers in two processes, on one host."""
    with redis_server(append_only=True) as redis:
        platform = Distributed(tmp_path_factory.mktemp("distributed"), redis, database, SETTINGS)
        platform.orchestration()
        platform.orchestration()
        platform.worker(workers=2)
        platform.worker(workers=1)
        try:
            yield platform.start()
        finally:
            platform.stop()


@pytest.fixture(scope="package")
def rehearsed(distributed: Distributed) -> Rehearsed:
    """Speeches for the survival tests, and what is heard of them in peace."""
    return asyncio.run(rehearse(distributed.websockets[0], speeches(6, SPEECH_S)))
