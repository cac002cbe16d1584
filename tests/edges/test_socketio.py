"""Socket.IO and the whisper service's protocols, spoken by python-socketio's own client."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio

from support.scripted_edges import chunk


class Browser:
    """A Socket.IO client that remembers everything it was told."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.news: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.client.on("*", self._hear)

    async def _hear(self, name: str, data: Any = None) -> None:
        self.news.put_nowait((name, data))

    async def until(self, kind: str, **fields: object) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while True:
                name, data = await self.news.get()
                if name == kind and all(data.get(key) == value for key, value in fields.items()):
                    return data

    async def call(self, event: str, **data: object) -> Any:
        return await self.client.call(event, data, timeout=5)


@asynccontextmanager
async def browsing(platform, role: str, **options: Any) -> AsyncIterator[Browser]:
    browser = Browser()
    await browser.client.connect(platform.url(role, ""), transports=["websocket"], **options)
    try:
        yield browser
    finally:
        await browser.client.disconnect()


async def test_a_browser_streams_without_ceremony(up):
    async with browsing(up, "orchestration") as browser:
        connected = await browser.until("connected")
        answer = await browser.call("transcription_stream", audio_data=chunk(1))
        assert answer["seq"] == 0
        started = await browser.until("session_started")
        assert started["session_id"] == connected["connection_id"]
        encoded = base64.b64encode(chunk(2)).decode()
        await browser.call("transcription_stream", audio_data=encoded)
        result = await browser.until("transcription_result", text="w1 w2")
        assert result["words"][0]["word"] == "w1"


async def test_requests_and_heartbeats_are_answered(up):
    async with browsing(up, "orchestration") as browser:
        await browser.call("service_message", type="heartbeat", request_id="r1")
        assert (await browser.until("service_response", request_id="r1"))["kind"] == "heartbeat"
        await browser.call(
            "service_message", type="service_request", action="config", request_id="r2"
        )
        answer = await browser.until("service_response", request_id="r2")
        assert answer["data"]["speech"]["engine"] == "scripted"
        for action, target in (("health", "whisper"), ("health", None), ("get_models", None)):
            await browser.call(
                "service_message",
                type="service_request",
                action=action,
                target_service=target,
                request_id=f"{action}-{target}",
            )
            await browser.until("service_response", request_id=f"{action}-{target}")


async def test_a_refused_request_is_answered_under_its_id(up):
    async with browsing(up, "orchestration") as browser:
        await browser.call("service_message", type="service_request", action="x", request_id="r1")
        answer = await browser.until("service_response", request_id="r1")
        assert (answer["error"]["code"], answer["error"]["field"]) == ("invalid_input", "action")
        await browser.call("service_message", type="heartbeat", request_id="r2")
        assert "error" not in await browser.until("service_response", request_id="r2")


async def test_services_are_subscribed_to(up):
    async with browsing(up, "orchestration") as browser:
        await browser.call("subscribe", service="workers")
        await browser.until("subscribed", service="workers")
        told = await browser.until("service_event", service="workers")
        assert told["data"]["ready_workers"] == 1
        await browser.call("unsubscribe", service="workers")
        await browser.until("unsubscribed")


async def test_texts_are_translated(up):
    async with browsing(up, "orchestration") as browser:
        await browser.call("translation_stream", text="hello", source_lang="en", target_lang="es")
        result = await browser.until("translation_result")
    assert (result["translated_text"], result["engine"]) == ("es:hello", "words")


async def test_sessions_are_shared_with_websockets(up):
    async with up.client() as feeder, browsing(up, "orchestration") as browser:
        await feeder.start("s1")
        await feeder.socket.send(chunk(5))
        await feeder.until("transcription_result")
        await browser.call("service_message", type="join_session", session_id="s1")
        await browser.until("session_joined", session_id="s1")
        await browser.until("transcription_result", text="w5")
        busy = await browser.call("transcription_stream", audio_data=chunk(1), session_id="s1")
        assert busy["error"]["code"] == "session_busy"
        await browser.call("service_message", type="leave_session", session_id="s1")
        await browser.until("session_left")


@pytest.mark.parametrize(
    ("event", "data", "code", "field"),
    [
        ("subscribe", {"service": "weather"}, "invalid_input", "service"),
        ("subscribe", {}, "invalid_input", "service"),
        ("service_message", {"type": "fly"}, "invalid_input", "type"),
        ("service_message", {"type": "service_request"}, "invalid_input", "action"),
        (
            "service_message",
            {"type": "service_request", "action": "health", "target_service": "moon"},
            "invalid_input",
            "target_service",
        ),
        ("transcription_stream", {}, "invalid_input", "audio_data"),
        ("transcription_stream", {"audio_data": "%"}, "invalid_input", "audio_data"),
        (
            "transcription_stream",
            {"audio_data": bytes(1024 * 1024 + 1)},
            "message_too_large",
            "audio_data",
        ),
        ("transcription_stream", {"audio_data": b"", "session_id": 3}, None, "session_id"),
        ("translation_stream", {"text": "x"}, "invalid_input", "target_lang"),
    ],
)
async def test_bad_messages_are_answered_and_told(up, event, data, code, field):
    async with browsing(up, "orchestration") as browser:
        answer = await browser.client.call(event, data, timeout=5)
        assert answer["error"].get("field") == field
        assert code is None or answer["error"]["code"] == code
        assert (await browser.until("error"))["field"] == field
        assert (await browser.client.call("subscribe", "x", timeout=5))["error"]["message"]


async def test_foreign_pages_may_not_connect(up):
    headers = {"Origin": "https://bad.example"}
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with browsing(up, "orchestration", headers=headers):
            pass


async def test_a_gone_browser_leaves_nothing(up):
    async with browsing(up, "orchestration") as browser:
        await browser.call("transcription_stream", audio_data=chunk(1))
        assert len(up.core.edge.connections) == 1
    await up.core.edge.connections.drained(5)
    assert len(up.core.edge.connections) == 0
    assert not up.core.edge.fed


async def test_whisper_speaks_socketio(up):
    async with browsing(up, "whisper") as client:
        joined = await client.call("join_session", session_id="w1", config={"language": "en"})
        assert (joined["session_id"], joined["next_seq"]) == ("w1", 0)
        await client.until("session_joined", session_id="w1")
        for value in range(4):
            answer = await client.call(
                "transcribe_stream", session_id="w1", audio_data=chunk(value), timestamp=0.1
            )
            assert answer["seq"] == value
        result = await client.until("transcription_result", is_final=True)
        assert (result["session_id"], result["text"]) == ("w1", "w0 w1 w2 w3")
        listed = await up.get("/sessions", "whisper")
        assert [one["session_id"] for one in listed["sessions"]] == ["w1"]
        await client.call("end_session", session_id="w1")
        assert (await client.until("session_ended"))["reason"] == "client_ended"
        assert (await up.get("/sessions", "whisper"))["sessions"] == []


async def test_whisper_speaks_plain_websocket(up):
    async with up.client("whisper") as client:
        await client.send(event="join_session", session_id="w1", config={})
        joined = await client.receive()
        assert (joined["event"], joined["session_id"]) in {
            ("session_joined", "w1"),
            ("session_started", "w1"),
        }
        audio = base64.b64encode(chunk(1)).decode()
        await client.send(event="transcribe_stream", session_id="w1", audio_data=audio)
        await client.socket.send(chunk(2))
        await client.until("transcription_result", text="w1 w2")
        await client.send(event="end_session", session_id="w1")
        await client.until("session_ended")
        assert client.texts("w1") == ["w1 w2"]
        for bad, field in (
            ('{"event": "fly"}', "event"),
            ("no json", None),
            ("[1]", None),
            ('{"event": "transcribe_stream", "audio_data": 7}', "audio_data"),
            ('{"event": "join_session", "config": {"sample_rate": "x"}}', "config.sample_rate"),
        ):
            await client.socket.send(bad)
            assert (await client.until("error"))["field"] == field


async def test_whispers_default_session_is_the_connection(up):
    async with up.client("whisper") as client:
        await client.socket.send(chunk(3))
        started = await client.until("session_started")
        assert started["session_id"].startswith("conn-")
        await client.until("transcription_result", text="w3")
