"""Sessions and REST over real ports, in one process and with whisper served apart."""

from __future__ import annotations

import asyncio
import io
import json
import re
import wave

import aiohttp
import pytest
import socketio

from livetranslate.sessions.log.base import LogOptions
from support.edge_platform import platform_running
from support.scripted_edges import chunk


def wav(values: list[int]) -> bytes:
    """Return 16 kHz audio whose every 5 s hold one value, as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"".join(chunk(value, 80_000) for value in values))
    return out.getvalue()


def form(audio: bytes, **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("audio", audio, filename="a.wav", content_type="audio/wav")
    for name, value in fields.items():
        data.add_field(name, value)
    return data


async def eventually(platform, path: str, name: str, value: object) -> dict:
    """Return what a path tells once a field has this value; the database is written behind."""
    async with asyncio.timeout(5):
        while (found := await platform.get(path))[name] != value:  # noqa: ASYNC110 - over HTTP there is no event
            await asyncio.sleep(0.02)
    return found


async def completed(platform, session_id: str) -> dict:
    return await eventually(platform, f"/api/sessions/{session_id}", "status", "completed")


async def test_a_session_gets_its_text_and_translations(platform):
    async with platform.client() as client:
        await client.start("s1", target_languages=["es"])
        for value in range(6):
            await client.socket.send(chunk(value))
        await client.send(type="end_session", session_id="s1")
        ended = await client.until("session_ended")
    assert ended["reason"] == "client_ended"
    assert client.texts("s1") == ["w0 w1 w2 w3", "w4 w5"]
    finals = [
        one["translated_text"]
        for one in client.seen
        if one["type"] == "translation_result" and one["is_final"]
    ]
    assert finals == ["es:w0 w1 w2 w3", "es:w4 w5"]
    stored = await completed(platform, "s1")
    assert stored["end_reason"] == "client_ended"


async def test_twenty_sessions_at_once_get_their_own_text(platform):
    async def one(number: int) -> list[str]:
        async with platform.client() as client:
            name = f"many-{number}"
            await client.start(name)
            for value in range(5):
                await client.socket.send(chunk(100 * number + value))
            await client.send(type="end_session", session_id=name)
            await client.until("session_ended")
            return client.texts(name)

    texts = await asyncio.gather(*(one(number) for number in range(20)))
    for number, found in enumerate(texts):
        words = [f"w{100 * number + value}" for value in range(5)]
        assert found == [" ".join(words[:4]), words[4]]


async def test_a_session_cut_off_mid_way_ends_with_the_same_text(platform):
    async with platform.client() as client:
        await client.start("s1")
        for value in range(3):
            await client.socket.send(chunk(value))
        await client.until("transcription_result", text="w0 w1 w2")
        last = client.seen[-1]["event_id"]
    async with platform.client() as client:
        await client.send(type="resume_session", session_id="s1", last_seq=2, last_event_id=last)
        resumed = await client.until("session_resumed")
        for value in range(resumed["next_seq"], 6):
            await client.socket.send(chunk(value))
        await client.send(type="end_session", session_id="s1")
        await client.until("session_ended")
    assert client.texts("s1") == ["w0 w1 w2 w3", "w4 w5"]


async def test_a_session_that_fails_harms_nobody(platform):
    async with platform.client() as failing, platform.client() as other:
        await other.start("good")
        await failing.send(type="start_session", session_id="bad", config={"language": "xx"})
        error = await failing.until("error")
        assert (error["code"], error["field"]) == ("unsupported_language", "config.language")
        assert error["fatal"]
        assert (await failing.until("session_ended"))["reason"] == "failed"
        await failing.start("again")
        await other.socket.send(chunk(1))
        await other.until("transcription_result", text="w1")


async def test_updates_reach_the_recogniser(platform):
    async with platform.client() as client:
        await client.start("s1")
        await client.send(
            type="update_session", session_id="s1", config={"target_languages": ["de"]}
        )
        await client.until("session_updated")
        await client.socket.send(chunk(1))
        assert (await client.until("translation_result"))["translated_text"] == "de:w1"


async def test_a_file_goes_through_the_whole_chain(platform):
    data = form(wav([1, 2, 3, 4, 5]), target_languages="es,de", session_id="file-1")
    async with platform.http.post(
        platform.url("orchestration", "/api/audio/upload"), data=data
    ) as response:
        assert response.status == 200, await response.text()
        answer = await response.json()
    assert answer["session_id"] == "file-1"
    assert answer["transcription"]["text"] == "w1 w2 w3 w4 w5"
    assert answer["transcription"]["engine"] == "scripted"
    assert answer["transcription"]["duration"] == 25.0
    assert answer["translations"]["de"]["translated_text"] == "de:w1 w2 w3 w4 de:w5"
    assert answer["quality"]["clipping_ratio"] == 0
    assert (await completed(platform, "file-1"))["segments"]


async def test_chunks_go_into_one_live_session(platform):
    async with platform.client() as listener:
        for number in range(3):
            data = form(
                chunk(number, 32_000),
                session_id="bot-1",
                chunk_id=f"c{number}",
                speaker_id="ann",
                speaker_name="Ann",
                config=json.dumps({"encoding": "pcm_s16le"}),
            )
            async with platform.http.post(
                platform.url("orchestration", "/api/audio/upload"), data=data
            ) as response:
                assert response.status == 200, await response.text()
                answer = await response.json()
            assert answer["chunk_id"] == f"c{number}"
            assert answer["transcription"]["text"] == f"w{number}"
            assert answer["transcription"]["segments"][0]["start"] == 2.0 * number
        await listener.send(type="join_session", session_id="bot-1")
        await listener.until("transcription_result", text="w0 w1 w2")
        named = await listener.until("speaker_update")
        assert (named["speaker_id"], named["speaker_name"]) == ("ann", "Ann")


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"config": "{"}, 400, "config"),
        ({"config": '{"sample_rate": 1}'}, 400, "config.sample_rate"),
        ({"target_languages": "Klingon!"}, 400, "config.target_languages"),
        ({"session_id": "a b"}, 400, "session_id"),
        ({"chunk_start_time": "soon"}, 400, "chunk_start_time"),
        ({}, 400, "audio"),
    ],
)
async def test_a_bad_upload_names_the_field(up, fields, status, field):
    url = up.url("orchestration", "/api/audio/upload")
    async with up.http.post(url, data=form(b"no audio at all", **fields)) as response:
        problem = await response.json()
        assert response.headers["X-Request-ID"]
    assert (response.status, problem["field"]) == (status, field)


async def test_an_upload_without_a_file_or_too_large_is_refused(tmp_path):
    async with platform_running(tmp_path, apart=False, direct_max_mb=1) as up:
        url = up.url("orchestration", "/api/audio/upload")
        async with up.http.post(url, data={"x": "y"}) as response:
            assert response.status == 400
        async with up.http.post(url, data=form(bytes(2 * 1024 * 1024))) as response:
            assert response.status == 413
            assert (await response.json())["code"] == "message_too_large"

        async def endless():
            for _ in range(40):
                yield bytes(64 * 1024)

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        async with up.http.post(url, data=endless(), headers=headers) as response:
            assert response.status in (400, 413)


async def test_a_fed_session_refuses_uploads(up):
    async with up.client() as client:
        await client.start("s1")
        url = up.url("orchestration", "/api/audio/upload")
        async with up.http.post(url, data=form(wav([1]), session_id="s1")) as response:
            assert response.status == 409
            assert (await response.json())["code"] == "session_busy"


async def test_health_status_and_figures(platform):
    async with platform.client() as client:
        await client.start("s1")
        await eventually(platform, "/api/health", "ready", True)
        health = await platform.get("/api/health")
        assert health["service"] == "orchestration"
        assert (await platform.get("/api/health/live")) == {"status": "alive"}
        assert (await platform.get("/api/health/ready"))["status"] == "ready"
        status = await platform.get("/status")
        assert (status["total_sessions"], status["ready_workers"]) == (1, 1)
        assert status["session_queue_length"] == 0
        workers = await platform.get("/status/workers")
        assert workers["workers"][0]["worker_id"] == "scripted"
        config = await platform.get("/api/config")
        assert config["speech"]["engine"] == "scripted"
        connections = await platform.get("/api/connections")
        assert connections["peak"] >= 1
        figures = await platform.get("/api/metrics")
        assert figures["sessions"]["live"] == 1
        async with platform.http.get(platform.url("orchestration", "/metrics")) as response:
            exposition = await response.text()
        assert "livetranslate_sessions 1.0" in exposition
        assert 'route="/status"' in exposition
        services = {
            one["service"]: one for one in (await platform.get("/api/services"))["services"]
        }
        assert services["whisper"]["status"] == "healthy"
        assert services["translation"]["status"] == "unreachable"


async def test_the_dashboard_is_one_answer_under_both_its_addresses(up):
    for path in ("/dashboard", "/api/dashboard"):
        told = await up.get(path)
        assert {"status", "workers", "models", "connections"} <= set(told)
        assert told["status"]["total_workers"] == len(told["workers"])


async def test_not_ready_without_workers(tmp_path):
    async with platform_running(tmp_path, apart=False) as up:
        await up.core.desk.worker_gone("scripted")
        async with up.http.get(up.url("orchestration", "/api/health/ready")) as response:
            assert response.status == 503
            assert (await response.json())["problems"] == ["no worker is ready"]


async def test_requests_are_passed_on(platform):
    assert (await platform.get("/api/whisper/health"))["service"] == "whisper"
    assert (await platform.get("/api/audio/device"))["device"] == "none"
    async with platform.http.get(
        platform.url("orchestration", "/api/whisper/nothing?x=1")
    ) as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"
    async with platform.http.get(
        platform.url("orchestration", "/api/translation/api/health")
    ) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "2"


async def test_the_web_app_and_unknown_addresses(up):
    async with up.http.get(up.url("orchestration", "/")) as response:
        assert "the web app" in await response.text()
    async with up.http.get(up.url("orchestration", "/some/page")) as response:
        assert "the web app" in await response.text()
    for path in ("/missing.js", "/api/none", "/assets/../../secret.txt"):
        async with up.http.get(up.url("orchestration", path)) as response:
            assert response.status == 404


@pytest.mark.parametrize("role", ["orchestration", "whisper"])
async def test_the_apis_description_needs_nothing_from_outside(up, role: str):
    async with up.http.get(up.url(role, "/docs")) as response:
        page = await response.text()
    assert re.findall(r"""["'](?:https?:)?//[^"']*""", page) == []
    addresses = re.findall(r"""(?:src|href)="([^"]*)""", page)
    assert len(addresses) == 3
    for address in addresses:
        async with up.http.get(up.url(role, address)) as response:
            assert response.status == 200
            assert len(await response.read()) > 1000


async def test_keys_guard_rest_and_sockets(tmp_path):
    async with platform_running(tmp_path, apart=False, api_keys=("k1",)) as up:
        url = up.url("orchestration", "/api/sessions")
        async with up.http.get(url) as response:
            assert response.status == 401
            assert (await response.json())["code"] == "unauthorized"
        async with up.http.get(url, headers={"Authorization": "Bearer k1"}) as response:
            assert response.status == 200
        for path in ("/sessions", "/dashboard", "/api/dashboard", "/api/metrics"):
            async with up.http.get(up.url("whisper", path)) as response:
                assert response.status == 401, path
        assert (await up.get("/api/health"))["service"] == "orchestration"
        client = socketio.AsyncClient()
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(up.url("orchestration", ""), transports=["websocket"])
        await client.connect(
            up.url("orchestration", ""), transports=["websocket"], auth={"api_key": "k1"}
        )
        await client.disconnect()


async def test_a_deleted_session_is_gone_everywhere(platform):
    async with platform.client() as client:
        await client.start("s1")
        await client.socket.send(chunk(1))
        await client.until("transcription_result")
        url = platform.url("orchestration", "/api/sessions/s1")
        async with platform.http.delete(url) as response:
            assert response.status in (200, 204)
        ended = await client.until("session_ended")
        assert ended["reason"] == "deleted"
        async with platform.http.get(url) as response:
            assert response.status == 404


async def test_the_instance_may_be_lost_and_return(tmp_path):
    """The whisper service restarts and has lost the session: what is not final comes again."""
    async with platform_running(tmp_path, apart=True) as platform, platform.client() as client:
        await client.start("s1")
        for value in range(5):
            await client.socket.send(chunk(value))
        await client.until("transcription_result", text="w4")
        await platform.whisper_core.manager.delete("s1")
        await client.socket.send(chunk(5))
        await client.until("transcription_result", text="w4 w5")
        await client.send(type="end_session", session_id="s1")
        await client.until("session_ended")
    assert client.texts("s1") == ["w0 w1 w2 w3", "w4 w5"]
    finals = [one for one in client.seen if one.get("is_final")]
    assert [one["start"] for one in finals] == pytest.approx([0.0, 0.4])


async def test_the_connection_to_the_instance_may_break(tmp_path):
    async with platform_running(tmp_path, apart=True) as platform, platform.client() as client:
        await client.start("s1")
        for value in range(3):
            await client.socket.send(chunk(value))
        await client.until("transcription_result", text="w0 w1 w2")
        for _, owner in list(platform.whisper_core.edge.connections._live.values()):
            owner.shut_down(0.0)
        for value in range(3, 6):
            await client.socket.send(chunk(value))
        await client.send(type="end_session", session_id="s1")
        await client.until("session_ended")
    assert client.texts("s1") == ["w0 w1 w2 w3", "w4 w5"]


def test_log_options_fit_the_forwarder():
    """The forwarder pauses before the instance's log would hold it back."""
    from livetranslate.services.forwarding import REMOTE_BACKLOG_S

    assert LogOptions().max_backlog_s > REMOTE_BACKLOG_S
