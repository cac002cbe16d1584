"""The translation service over HTTP and its WebSocket, with Apertium behind it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from livetranslate.services.translation import create_translation_app
from livetranslate.services.translation.stream import MAX_MESSAGE_BYTES
from livetranslate.translation.options import TranslationOptions
from livetranslate.translation.segment_queue import SegmentOptions
from livetranslate.translation.service import LocalTranslator
from support.asgi import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def url() -> AsyncIterator[str]:
    app = create_translation_app(
        LocalTranslator(TranslationOptions()),
        segment_options=SegmentOptions(preview_interval_s=0.0),
    )
    async with serve(app) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def socket(url: str) -> AsyncIterator[ClientConnection]:
    address = url.replace("http", "ws") + "/ws"
    async with connect(address, proxy=None, max_size=None) as socket:
        yield socket


async def translate(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/api/translate", json=body)


async def test_one_text_into_one_language_is_one_result(client: httpx.AsyncClient) -> None:
    answer = await translate(
        client, text="The green house is big.", source_language="en", target_language="es"
    )
    assert answer.status_code == 200
    result = answer.json()
    assert result["translated_text"] == "La casa verde es grande."
    assert (result["source_language"], result["target_language"]) == ("en", "es")
    assert (result["engine"], result["confidence"], result["cached"]) == ("apertium", 1.0, False)
    assert result["processing_time"] >= 0
    again = await translate(
        client, text="The green house is big.", source_language="en", target_language="es"
    )
    assert again.json()["cached"]


async def test_several_are_a_list_in_order(client: httpx.AsyncClient) -> None:
    answer = await translate(
        client, texts=["The house.", "The table."], target_languages=["es", "ca"]
    )
    results = answer.json()["translations"]
    assert [(r["target_language"], r["translated_text"]) for r in results] == [
        ("es", "La casa."),
        ("ca", "La casa."),
        ("es", "La mesa."),
        ("ca", "La taula."),
    ]
    single = await translate(client, texts=["The house."], target_language="es")
    assert len(single.json()["translations"]) == 1


async def test_context_and_glossary_change_the_output(client: httpx.AsyncClient) -> None:
    base = {"source_language": "en", "target_language": "es"}

    async def text(**more: Any) -> str:
        return (await translate(client, **base, **more)).json()["translated_text"]

    assert (await text(text="book the room.")).startswith("libro")
    assert (await text(text="book the room.", context="I want to")).startswith("reservar")
    assert "oferta" in await text(text="The proposal.", glossary={"proposal": "oferta"})
    assert "propuesta" in await text(text="The proposal.")


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"target_language": "es"}, 400, "invalid_input", "text"),
        ({"text": "a", "texts": ["b"], "target_language": "es"}, 400, "invalid_input", "text"),
        ({"text": "a"}, 400, "invalid_input", "target_language"),
        ({"text": "a", "target_language": "Spanish!"}, 400, "invalid_input", "target_language"),
        ({"text": "a", "target_languages": ["es", ""]}, 400, "invalid_input", "target_languages"),
        ({"text": 3, "target_language": "es"}, 422, "invalid_input", "text"),
        ({"text": "a", "target_language": "es", "glossary": {"a": 1}}, 422, None, "glossary.a"),
        (
            {"text": "house", "source_language": "en", "target_language": "ja"},
            422,
            "unsupported_language",
            "target_language",
        ),
    ],
)
async def test_errors_name_the_field(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, code: str | None, field: str
) -> None:
    answer = await translate(client, **body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["field"] == field
    assert code is None or problem["code"] == code
    if code == "unsupported_language":
        assert "en-es" in problem["available"]


async def test_what_each_engine_can_do_is_told(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/languages")).json()
    by_name = {engine["engine"]: engine for engine in body["engines"]}
    assert list(by_name) == ["openai_compatible", "ctranslate2", "apertium"]
    assert by_name["apertium"]["available"]
    assert {"source": "en", "target": "es"} in by_name["apertium"]["pairs"]
    for name in ("openai_compatible", "ctranslate2"):
        assert not by_name[name]["available"]
        assert by_name[name]["reason"] and by_name[name]["remedy"]
    assert {"source": "en", "target": "es"} in body["pairs"]
    assert {"en", "es"} <= set(body["languages"])
    models = (await client.get("/api/models")).json()["models"]
    assert {"name": "eng-spa", "engine": "apertium", "device": "cpu"} in models
    devices = (await client.get("/api/device")).json()["engines"]
    assert devices[-1]["device"] == "cpu"


async def test_health_and_documentation(client: httpx.AsyncClient) -> None:
    health = await client.get("/api/health")
    assert health.json()["status"] == "ok"
    assert health.headers["x-request-id"]
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert {"/api/health", "/api/languages", "/api/translate", "/api/detect"} <= set(paths)


async def test_figures_for_prometheus(client: httpx.AsyncClient) -> None:
    await client.get("/api/health")
    figures = await client.get("/metrics")
    assert figures.headers["content-type"].startswith("text/plain")
    assert "livetranslate_http_requests_total{" in figures.text
    assert 'route="/api/health",service="translation",status="200"' in figures.text
    assert "process_resident_memory_bytes" in figures.text


async def test_languages_are_detected(client: httpx.AsyncClient) -> None:
    body = {"text": "Where is the meeting tomorrow?"}
    found = (await client.post("/api/detect", json=body)).json()
    assert found["language"] == "en" and found["confidence"] > 0.5
    unsure = (await client.post("/api/detect", json={"text": "123"})).json()
    assert unsure == {"language": None, "confidence": None, "alternatives": []}
    blank = await client.post("/api/detect", json={"text": " "})
    assert blank.json()["field"] == "text"


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> dict[str, Any]:
    return json.loads(await socket.recv())


async def test_a_stream_of_segments(socket: ClientConnection) -> None:
    more: dict[str, Any] = {"source_language": "en", "speaker_name": "Ann"}
    await say(
        socket,
        segment_id="s1",
        text="The house",
        is_final=False,
        target_languages=["es"],
        glossary={"house": "vivienda"},
        **more,
    )
    preview = await hear(socket)
    assert preview["type"] == "translation_result"
    assert (preview["segment_id"], preview["is_final"]) == ("s1", False)
    assert "vivienda" in preview["translated_text"]
    await say(socket, segment_id="s1", text="The house is big.", is_final=True, **more)
    await say(socket, segment_id="s2", text="I want to", **more)
    await say(socket, segment_id="s3", text="book the room.", **more)
    await say(socket, type="flush")
    finals = [await hear(socket) for _ in range(3)]
    assert [final["segment_id"] for final in finals] == ["s1", "s2", "s3"]
    assert "vivienda" in finals[0]["translated_text"]
    assert finals[2]["translated_text"].startswith("reservar")
    assert [final["event_id"] for final in finals] == [2, 3, 4]
    assert finals[0]["speaker_name"] == "Ann" and finals[0]["engine"] == "apertium"
    assert await hear(socket) == {"type": "flushed"}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ('{"segment_id": "a", "text": 3}', "text"),
        ('{"text": "a"}', "segment_id"),
        ('{"segment_id": "a", "text": "b"}', "target_languages"),
        ('{"segment_id": "a", "text": "b", "target_languages": ["?"]}', "target_languages"),
        ('{"type": "dance"}', "type"),
        ("[1]", None),
        ("{nonsense", None),
    ],
)
async def test_a_bad_message_is_told_and_the_stream_goes_on(
    socket: ClientConnection, message: str, field: str | None
) -> None:
    await socket.send(message)
    error = await hear(socket)
    assert (error["type"], error["code"], error["fatal"]) == ("error", "invalid_input", False)
    assert error["field"] == field
    await say(socket, segment_id="s", text="house", source_language="en", target_languages=["es"])
    assert (await hear(socket))["translated_text"] == "casa"


async def test_a_language_without_a_pair_is_an_error_in_the_result(
    socket: ClientConnection,
) -> None:
    targets = ["ja", "es"]
    await say(socket, segment_id="s", text="house", source_language="en", target_languages=targets)
    results = {result["target_language"]: result for result in [await hear(socket) for _ in "ab"]}
    assert results["es"]["translated_text"] == "casa"
    assert results["ja"]["translated_text"] == "" and "en → ja" in results["ja"]["error"]


async def test_a_message_that_is_too_big_ends_the_stream(socket: ClientConnection) -> None:
    await socket.send("x" * (MAX_MESSAGE_BYTES + 1))
    error = await hear(socket)
    assert (error["code"], error["fatal"]) == ("message_too_large", True)
    with pytest.raises(ConnectionClosed) as closed:
        await hear(socket)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
