"""A rolling restart of every part is noticed in no transcript and in no translation."""

from __future__ import annotations

import asyncio
import urllib.error
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from livetranslate.domain.session import SessionConfig
from support.distributed import Distributed, websocket_of
from support.parts import Part
from support.redis_server import RedisServer
from support.survival import SETTINGS, Speaking, disturbed, rehearse, speeches
from support.toy_translation_models import make_marian

SPEECH_S = 6.0
SESSIONS = 4
TARGETS = ("es", "fi")
"""Spanish is what every worker translates by itself (Apertium), Finnish the services alone."""
THROUGH_THE_GATEWAY = ("/api/whisper/models", "/api/translation/api/languages")
RESTART = 1012


@pytest.fixture
def everything(redis: RedisServer, database: str, tmp_path: Path) -> Iterator[Distributed]:
    """Two of each role: translation, whisper with a worker, orchestration, and workers alone."""
    models = tmp_path / "models"
    (models / "translation").mkdir(parents=True)
    make_marian(models / "translation" / "opus-mt-en-fi")
    often = {"HEALTH_CHECK_INTERVAL": "1"}
    platform = Distributed(tmp_path, redis, database, SETTINGS | often)
    for _ in range(2):
        platform.translation(MODEL_DIR=str(models))
    for _ in range(2):
        platform.whisper()
    for _ in range(2):
        platform.worker()
    for _ in range(2):
        platform.orchestration()
    try:
        yield platform.start()
    finally:
        platform.stop()


class Farewell(msgspec.Struct, frozen=True):
    """How a part took leave of an idle connection.

    Attributes:
        code: Close code.
        retry_after_s: When it said to come again; None if it said nothing.
    """

    code: int
    retry_after_s: float | None


async def farewell_of(part: Part) -> Farewell:
    """Be connected to a part until it closes."""
    retry_after_s: float | None = None
    async with connect(websocket_of(part), proxy=None) as socket:
        with suppress(ConnectionClosed):
            while True:
                retry_after_s = msgspec.json.decode(await socket.recv()).get("retry_after_s")
        assert socket.close_code is not None
        return Farewell(socket.close_code, retry_after_s)


async def ask_for_ever(platform: Distributed, path: str, refused: list[str]) -> None:
    """Ask one instance of orchestration after the other for what it has from a service.

    Keeps what a service was said not to answer; orchestration itself may be away.
    """
    for turn in range(1_000_000):
        part = platform.orchestrations[turn % 2]
        try:
            await asyncio.to_thread(part.get, path)
        except urllib.error.HTTPError as error:
            with error:
                refused.append(f"{path} at {part.name}: {error.code} {error.read()[:300]!r}")
        except OSError:
            pass
        await asyncio.sleep(0.05)


@pytest.mark.timeout(600)
async def test_every_part_is_restarted_under_live_sessions(everything: Distributed):
    config = SessionConfig(language="en", target_languages=TARGETS)
    rehearsed = await rehearse(everything.websockets[0], speeches(SESSIONS, SPEECH_S), config)
    edges = [*everything.orchestrations, *everything.whispers]
    leaving = [asyncio.create_task(farewell_of(part)) for part in edges]
    refused: list[str] = []
    asking = [
        asyncio.create_task(ask_for_ever(everything, path, refused)) for path in THROUGH_THE_GATEWAY
    ]

    async def roll(_: Speaking) -> None:
        await everything.roll()

    heard = await disturbed(everything.websockets, rehearsed, roll)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert refused == []
    for farewell in await asyncio.gather(*leaving):
        assert farewell.code == RESTART
        assert farewell.retry_after_s is not None and farewell.retry_after_s > 0
    assert any(captions.reconnects for captions in heard)
    engines = {
        language: {each.engine for captions in heard for each in captions.translations(language)}
        for language in TARGETS
    }
    assert engines == {"es": {"apertium"}, "fi": {"ctranslate2"}}
