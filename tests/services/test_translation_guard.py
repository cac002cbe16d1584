"""The translation service asks for a key where keys are set, as the others do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from livetranslate.domain.errors import Unauthorized
from livetranslate.services.translation import create_translation_app
from livetranslate.settings import load_settings
from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.options import TranslationOptions
from livetranslate.translation.remote import RemoteTranslator
from livetranslate.translation.service import LocalTranslator
from support.asgi import serve

TEXT = {"text": "Good morning.", "source_language": "en", "target_language": "es"}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    translator = LocalTranslator(TranslationOptions())
    async with serve(create_translation_app(translator, api_keys=("one", "two"))) as url:
        yield url


async def test_no_key_or_a_wrong_one_is_answered_with_401(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for headers in ({}, {"X-API-Key": "three"}, {"Authorization": "Bearer one-"}):
            answer = await client.post("/api/translate", json=TEXT, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        for headers in ({"X-API-Key": "two"}, {"Authorization": "Bearer one"}):
            answer = await client.post("/api/translate", json=TEXT, headers=headers)
            assert answer.status_code == 200, answer.text
        for path in ("/api/health", "/api/health/live", "/metrics"):
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/api/languages")).status_code == 401


async def test_the_websocket_asks_for_it_too(url: str) -> None:
    address = url.replace("http", "ws") + "/ws"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, proxy=None):
            pass
    assert refused.value.response.status_code == 401
    async with connect(address, proxy=None, additional_headers={"X-API-Key": "one"}) as socket:
        await socket.send('{"type": "flush"}')
        assert "flushed" in str(await socket.recv())


async def test_our_own_calls_show_the_key(url: str) -> None:
    request = TranslationRequest(
        texts=("Good morning.",), source_language="en", target_language="es"
    )
    settings = load_settings(translation_service_url=url, api_keys="one")
    own = RemoteTranslator(settings.remote_translation_options())
    assert (await own.translate(request))[0].translated_text
    await own.close()
    stranger = RemoteTranslator(
        load_settings(translation_service_url=url).remote_translation_options()
    )
    with pytest.raises(Unauthorized):
        await stranger.translate(request)
    await stranger.close()
