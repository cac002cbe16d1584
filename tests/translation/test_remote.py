"""A translation service used over HTTP, with its failures and another one beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from livetranslate.domain.errors import (
    BackendUnavailable,
    InvalidInput,
    ModelUnavailable,
    UnsupportedLanguage,
)
from livetranslate.services.translation import create_translation_app
from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.options import TranslationOptions
from livetranslate.translation.remote import RemoteOptions, RemoteTranslator, error_from_problem
from livetranslate.translation.service import LocalTranslator
from support.asgi import serve
from support.ports import free_port
from support.scripted_engine import ScriptedEngine

DEAD = "http://127.0.0.1:9"


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine("loud", "en-es")


@pytest.fixture
async def url(engine: ScriptedEngine) -> AsyncIterator[str]:
    translator = LocalTranslator(TranslationOptions(), create=lambda _: [engine])
    async with serve(create_translation_app(translator)) as url:
        yield url


async def translate(*urls: str, target: str = "es", source: str = "en", timeout_s: float = 5.0):
    remote = RemoteTranslator(RemoteOptions(urls=urls, timeout_s=timeout_s))
    try:
        return await remote.translate(
            TranslationRequest(
                texts=("one", "two"),
                source_language=source,
                target_language=target,
                context="about",
                glossary={"two": "dos"},
            )
        )
    finally:
        await remote.close()


async def test_it_translates_as_the_service_does(url: str, engine: ScriptedEngine) -> None:
    first, second = await translate(url)
    assert (first.translated_text, second.translated_text) == ("ONE", "dos")
    assert (first.engine, first.confidence, first.source_language) == ("loud", 0.5, "en")
    assert all(call.context == "about" for call in engine.calls)
    assert (await translate(url))[0].cached


async def test_no_texts_need_no_service() -> None:
    remote = RemoteTranslator(RemoteOptions(urls=(DEAD,)))
    empty = TranslationRequest(texts=(), source_language="en", target_language="es")
    assert await remote.translate(empty) == []


async def test_errors_of_the_service_come_back_as_they_are(
    url: str, engine: ScriptedEngine
) -> None:
    with pytest.raises(UnsupportedLanguage) as unsupported:
        await translate(url, target="ja")
    assert unsupported.value.available == ("en-es",)
    assert unsupported.value.field == "target_language"
    with pytest.raises(InvalidInput) as invalid:
        await translate(url, source="not a code")
    assert invalid.value.field == "source_language"
    engine.failure = ModelUnavailable("no file")
    with pytest.raises(BackendUnavailable, match="loud: no file"):
        await translate(url)


async def test_another_service_takes_over(url: str) -> None:
    remote = RemoteTranslator(RemoteOptions(urls=(DEAD, url)))
    request = TranslationRequest(texts=("one",), source_language="en", target_language="es")
    assert (await remote.translate(request))[0].translated_text == "ONE"
    assert (await remote.translate(request))[0].cached
    await remote.close()


async def test_when_none_answers_all_are_named() -> None:
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:9.*127\.0\.0\.1:9"):
        await translate(DEAD, DEAD)


async def test_nonsense_and_slowness_are_failures() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"hello": 1})

    app = web.Application()
    app.router.add_post("/api/translate", answer)
    server = TestServer(app)
    await server.start_server()
    with pytest.raises(BackendUnavailable, match="no translations"):
        await translate(str(server.make_url("")))
    await server.close()


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"<html>", 502, BackendUnavailable),
        (b"<html>", 404, InvalidInput),
        (b'{"code": "backend_unavailable", "detail": "gone"}', 503, BackendUnavailable),
        (b'{"code": "sequence_gap", "detail": "gap"}', 409, InvalidInput),
        (b'{"code": "unheard_of"}', 500, BackendUnavailable),
    ],
)
def test_every_answer_is_some_error(body: bytes, status: int, kind: type[Exception]) -> None:
    assert type(error_from_problem(body, status, "http://there")) is kind


def test_a_client_needs_a_service() -> None:
    with pytest.raises(InvalidInput) as error:
        RemoteTranslator(RemoteOptions(urls=()))
    assert error.value.field == "urls"


async def test_a_service_that_is_restarted_is_waited_for(engine: ScriptedEngine) -> None:
    """Calls wait for one that has answered, for as long as it may be away and no longer."""
    request = TranslationRequest(texts=("one",), source_language="en", target_language="es")
    port = free_port()
    options = RemoteOptions(urls=(f"http://127.0.0.1:{port}",), patience_s=60.0)
    translator = LocalTranslator(TranslationOptions(), create=lambda _: [engine])
    app = create_translation_app(translator, close_translator=False)
    remote = RemoteTranslator(options)
    with pytest.raises(BackendUnavailable):  # it never answered
        await remote.translate(request)
    async with serve(app, port=port):
        await remote.translate(request)
    waiting = asyncio.create_task(remote.translate(request))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    async with serve(app, port=port):
        assert (await waiting)[0].translated_text == "ONE"
    hasty = RemoteTranslator(msgspec.structs.replace(options, patience_s=0.1))
    async with serve(app, port=port):
        await hasty.translate(request)
    with pytest.raises(BackendUnavailable):
        await hasty.translate(request)
    await remote.close()
    await hasty.close()
    await translator.close()


async def test_an_engine_that_fails_is_the_services_own_word(
    url: str, engine: ScriptedEngine
) -> None:
    request = TranslationRequest(texts=("one",), source_language="en", target_language="es")
    remote = RemoteTranslator(RemoteOptions(urls=(url,), patience_s=60.0))
    await remote.translate(request)
    engine.failure = ModelUnavailable("no file")
    with pytest.raises(BackendUnavailable, match="loud: no file"):
        await remote.translate(msgspec.structs.replace(request, texts=("two",)))
    await remote.close()
