"""What every test shares: where the fixtures are, and a package that child processes find too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.redis_server import RedisServer, redis_server

ROOT = Path(__file__).resolve().parent.parent

os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
)


@pytest.fixture(scope="session")
def whisper_fixture() -> Path:
    """Directory of the small Whisper model that the tests decode with."""
    return ROOT / "tests" / "fixtures" / "whisper-fixture"


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One Redis for all tests, append-only; take ``redis`` to find it as new."""
    with redis_server(append_only=True) as server:
        yield server


@pytest.fixture
def redis(shared_redis: RedisServer) -> RedisServer:
    """A Redis that runs, holds nothing and has room; a test may stop, kill, freeze or fill it."""
    shared_redis.forget()
    return shared_redis
