"""The native WebSocket through a real server and a real client."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime

import pytest
import websockets

from livetranslate.domain.events import SessionError
from livetranslate.services.realtime.outbox import OutboxOptions
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.manager import ManagerOptions
from support.scripted_edges import Client, chunk


async def test_connected_comes_first_with_the_limits(native):
    async with native.client() as client:
        first = await client.receive()
    assert first["type"] == "connected"
    assert first["connection_id"].startswith("conn-")
    assert first["limits"]["max_message_bytes"] == 1024 * 1024
    assert first["limits"]["resume_window_s"] == 60


async def test_a_session_from_start_to_end(native):
    async with native.client() as client:
        started = await client.start("s1", target_languages=["es"])
        assert started["config"]["engine"] == "scripted"
        for value in range(6):
            await client.socket.send(chunk(value))
        await client.send(type="end_session", session_id="s1")
        ended = await client.until("session_ended")
    assert ended["reason"] == "client_ended"
    assert ended["statistics"]["chunks"] == 6
    assert client.texts("s1") == ["w0 w1 w2 w3", "w4 w5"]
    acks = [one["seq"] for one in client.seen if one["type"] == "audio_ack"]
    assert acks == sorted(acks) and acks[-1] == 5
    ids = [one["event_id"] for one in client.seen if "event_id" in one]
    assert ids == sorted(set(ids))
    translated = [one for one in client.seen if one["type"] == "translation_result"]
    assert translated[-1]["translated_text"] == "es:w4 w5"


async def test_one_connection_feeds_sessions_one_after_the_other(native):
    async with native.client() as client:
        for session_id in ("a", "b"):
            await client.start(session_id)
            await client.socket.send(chunk(7))
            await client.send(type="end_session", session_id=session_id)
            await client.until("session_ended")
            assert client.texts(session_id) == ["w7"]


async def test_a_second_session_at_once_is_refused(native):
    async with native.client() as client:
        await client.start("a")
        await client.send(type="start_session", session_id="b")
        error = await client.until("error")
    assert (error["code"], error["field"]) == ("conflict", "session_id")


async def test_the_server_makes_an_id_if_there_is_none(native):
    async with native.client() as client:
        await client.send(type="start_session")
        started = await client.until("session_started")
    assert started["session_id"].startswith("session-")


async def test_json_chunks_are_numbered_or_next(native):
    async with native.client() as client:
        await client.start("s1")
        audio = [base64.b64encode(chunk(value)).decode() for value in range(4)]
        await client.send(type="audio_chunk", audio=audio[0], seq=0)
        await client.send(type="audio_chunk", audio=audio[1])
        await client.send(type="audio_chunk", audio=audio[0], seq=0)
        await client.send(type="audio_chunk", audio=audio[3], seq=3)
        gap = await client.until("error")
        assert (gap["code"], gap["expected_seq"], gap["session_id"]) == ("sequence_gap", 2, "s1")
        await client.send(type="audio_chunk", session_id="s1", audio=audio[2], seq=2)
        await client.send(type="audio_chunk", audio=audio[3], seq=3)
        await client.until("transcription_result", is_final=True)
    assert client.texts("s1") == ["w0 w1 w2 w3"]


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ("garbage", "invalid_input", None),
        ("[1, 2]", "invalid_input", None),
        ('{"type": "fly"}', "invalid_input", "type"),
        ('{"session_id": "x"}', "invalid_input", "type"),
        ('{"type": "join_session"}', "invalid_input", "session_id"),
        ('{"type": "join_session", "session_id": "nobody"}', "not_found", "session_id"),
        ('{"type": "audio_chunk", "audio": "AAAA"}', "invalid_input", "session_id"),
        ('{"type": "audio_chunk", "audio": "%%"}', "invalid_input", "audio"),
        ('{"type": "audio_chunk", "audio": "AAAA", "seq": "x"}', "invalid_input", "seq"),
        ('{"type": "start_session", "session_id": "a b"}', "invalid_input", "session_id"),
        ('{"type": "start_session", "session_id": ".."}', "invalid_input", "session_id"),
        (r'{"type": "start_session", "session_id": "a\n"}', "invalid_input", "session_id"),
        (
            '{"type": "start_session", "config": {"sample_rate": 1}}',
            "invalid_input",
            "config.sample_rate",
        ),
        (
            '{"type": "start_session", "config": {"encoding": "tape"}}',
            "invalid_input",
            "config.encoding",
        ),
        (
            '{"type": "start_session", "config": {"language": "Klingon!"}}',
            "invalid_input",
            "config.language",
        ),
        ('{"type": "end_session", "session_id": "other"}', "invalid_input", "session_id"),
        ('{"type": "leave_session", "session_id": "other"}', "invalid_input", "session_id"),
        ('{"type": "subscribe", "service": "bots"}', "invalid_input", "service"),
        ('{"type": "subscribe", "service": "weather"}', "invalid_input", "service"),
        (b"\x00\x01", "invalid_input", "session_id"),
    ],
)
async def test_a_bad_message_is_answered_and_the_connection_lives_on(native, message, code, field):
    async with native.client() as client:
        await client.socket.send(message)
        error = await client.until("error")
        assert (error["code"], error["field"], error["fatal"]) == (code, field, False)
        await client.send(type="heartbeat", timestamp=1_700_000_000_000)
        assert (await client.until("heartbeat"))["timestamp"]


async def test_audio_that_cannot_be_decoded_keeps_its_number(native):
    async with native.client() as client:
        await client.start("s1", encoding="flac")
        await client.socket.send(b"this is no flac stream at all")
        await client.until("audio_ack", seq=0)
        error = await client.until("error")
        assert (error["field"], error["session_id"]) == ("encoding", "s1")


async def test_other_rates_and_encodings_arrive_as_16_khz(native):
    async with native.client() as client:
        await client.start("s1", sample_rate=8000)
        await client.socket.send(chunk(100, samples=8000))
        await client.send(type="end_session", session_id="s1")
        ended = await client.until("session_ended")
    assert ended["statistics"]["audio_s"] == pytest.approx(1.0, abs=0.01)


async def test_listeners_get_the_present_state_and_then_the_news(native):
    async with native.client() as feeder, native.client() as late, native.client() as fresh:
        await feeder.start("s1")
        for value in range(5):
            await feeder.socket.send(chunk(value))
        await feeder.until("transcription_result", text="w4")
        await late.send(type="join_session", session_id="s1")
        joined = await late.until("session_joined")
        assert joined["config"]["engine"] == "scripted"
        await late.until("transcription_result", text="w4")
        assert late.texts("s1") == ["w0 w1 w2 w3"]
        await fresh.send(type="join_session", session_id="s1", history=False)
        await fresh.until("session_joined")
        await feeder.socket.send(chunk(5))
        assert (await fresh.receive())["text"] == "w4 w5"
        assert (await late.until("transcription_result"))["text"] == "w4 w5"
        await feeder.send(type="end_session", session_id="s1")
        for client in (late, fresh):
            await client.until("session_ended")
            assert client.texts("s1")[-1] == "w4 w5"
    assert native.edge.hub.feeds == 0


async def test_a_listener_leaves(native):
    async with native.client() as feeder, native.client() as listener:
        await feeder.start("s1")
        await listener.send(type="join_session", session_id="s1")
        await listener.until("session_started")
        await listener.send(type="leave_session", session_id="s1")
        await listener.until("session_left")
        await feeder.socket.send(chunk(1))
        await feeder.until("transcription_result")
        await listener.send(type="heartbeat")
        assert (await listener.receive())["type"] == "heartbeat"


async def test_updates_are_told(native):
    async with native.client() as client:
        await client.start("s1")
        await client.send(
            type="update_session", session_id="s1", config={"target_languages": ["de"]}
        )
        updated = await client.until("session_updated")
        assert updated["config"] == {"target_languages": ["de"]}
        await client.socket.send(chunk(1))
        assert (await client.until("translation_result"))["translated_text"] == "de:w1"


async def test_a_lost_feeder_resumes_and_misses_nothing(native):
    async with native.client() as first:
        await first.start("s1")
        for value in range(3):
            await first.socket.send(chunk(value))
        await first.until("transcription_result", text="w0 w1 w2")
        acked = [one["seq"] for one in first.seen if one["type"] == "audio_ack"][-1]
        seen = first.seen[-1]["event_id"]
    async with native.client() as second:
        await second.send(
            type="resume_session", session_id="s1", last_seq=acked, last_event_id=seen
        )
        resumed = await second.until("session_resumed")
        assert resumed["next_seq"] == 3
        for value in range(3, 6):
            await second.socket.send(chunk(value))
        await second.send(type="end_session", session_id="s1")
        await second.until("session_ended")
    assert second.texts("s1") == ["w0 w1 w2 w3", "w4 w5"]


async def test_one_feeder_at_a_time_and_a_takeover(native):
    async with native.client() as first, native.client() as second:
        await first.start("s1")
        await second.send(type="start_session", session_id="s1")
        assert (await second.until("error"))["code"] == "session_busy"
        await second.send(type="audio_chunk", session_id="s1", audio="AAAA")
        assert (await second.until("error"))["code"] == "session_busy"
        await second.send(type="resume_session", session_id="s1", last_seq=-1, last_event_id=0)
        await second.until("session_resumed")
        assert (await first.until("error"))["code"] == "session_busy"
        await first.socket.send(chunk(1))
        assert (await first.until("error"))["field"] == "session_id"
        await second.socket.send(chunk(2))
        await second.until("transcription_result", text="w2")


async def test_a_resume_after_the_end_brings_what_was_missed(native):
    async with native.client() as first:
        await first.start("s1")
        await first.socket.send(chunk(1))
        await first.send(type="end_session", session_id="s1")
        await first.until("session_ended")
    async with native.client() as second:
        await second.send(type="resume_session", session_id="s1", last_seq=0, last_event_id=1)
        await second.until("session_resumed")
        await second.until("session_ended")
        assert second.texts("s1") == ["w1"]
        await second.socket.send(chunk(1))
        assert (await second.until("error"))["field"] == "session_id"


async def test_a_feeder_that_never_returns_ends_the_session(serve):
    options = ManagerOptions(resume_window_s=0.05, tick_s=0.02)
    async with serve(manager=options) as server, server.client() as listener:
        async with server.client() as feeder:
            await feeder.start("s1")
            await feeder.socket.send(chunk(1))
            await listener.send(type="join_session", session_id="s1")
            await listener.until("transcription_result")
        ended = await listener.until("session_ended")
    assert ended["reason"] == "disconnected"
    assert listener.texts("s1") == ["w1"]


async def test_too_much_audio_is_slowed_down_and_held_back_but_not_lost(serve):
    log = LogOptions(slow_down_s=0.2, max_backlog_s=0.5)
    async with serve(log=log, slow_down_s=0.2) as server, server.client() as client:
        await client.start("s1")
        server.worker.working.clear()
        for value in range(9):
            await client.socket.send(chunk(value))
        await client.until("slow_down")
        server.worker.working.set()
        await client.send(type="end_session", session_id="s1")
        await client.until("session_ended")
        assert client.texts("s1") == ["w0 w1 w2 w3", "w4 w5 w6 w7", "w8"]


async def test_an_oversize_message_is_told_and_closed(native):
    async with native.client() as client:
        await client.socket.send(bytes(1024 * 1024 + 1))
        assert await client.closed() == 1009
    assert client.seen[-1]["code"] == "message_too_large"
    assert client.seen[-1]["fatal"]


async def test_no_more_connections_than_allowed(serve):
    async with serve(max_connections=1) as server, server.client() as first:
        await first.until("connected")
        async with server.client() as second:
            assert await second.closed() == 1013
        assert second.seen[-1]["code"] == "overloaded"
        assert second.seen[-1]["retry_after_s"] > 0
        await first.send(type="heartbeat")
        await first.until("heartbeat")


async def test_idle_connections_are_closed(serve):
    async with serve(idle_timeout_s=0.05) as server, server.client() as client:
        assert await client.closed() == 4408
        assert client.seen[-1]["code"] == "idle_timeout"


async def test_a_stop_tells_clients_to_come_again(serve):
    async with serve() as server:
        async with server.client() as client:
            await client.until("connected")
            server.edge.connections.close()
            assert await client.closed() == 1012
        assert client.seen[-1]["code"] == "shutting_down"
        assert client.seen[-1]["retry_after_s"] >= 1
        async with server.client() as late:
            assert await late.closed() == 1012


async def flood(server, session_id: str, reader: Client) -> None:
    """Write so much to a session that a peer which does not read fills every buffer."""
    for _ in range(60):
        news = SessionError(
            session_id=session_id, timestamp=datetime.now(UTC), code="test", message="x" * 300_000
        )
        await server.edge.log.append_system_events(session_id, [news])
        await reader.until("error", code="test")


async def test_a_slow_reader_is_closed_and_comes_back_for_the_rest(serve):
    async with serve(outbox=OutboxOptions(max_frames=8)) as server, server.client() as feeder:
        await feeder.start("s1")
        async with server.client(max_queue=1) as viewer:
            await viewer.send(type="join_session", session_id="s1")
            await viewer.until("session_started")
            last = viewer.seen[-1]["event_id"]
            await flood(server, "s1", feeder)
            assert await viewer.closed() == 4409
        assert viewer.seen[-1]["code"] == "slow_reader"
        seen = max(one.get("event_id", last) for one in viewer.seen)
        assert seen < 61
        async with server.client() as again:
            await again.send(
                type="resume_session", session_id="s1", last_seq=-1, last_event_id=seen
            )
            await again.until("session_resumed")
            missed = []
            while len(missed) < 61 - seen:
                missed.append((await again.until("error", code="test"))["event_id"])
            assert missed == list(range(seen + 1, 62))


async def test_a_peer_that_never_reads_again_is_cut_off(serve):
    options = {"outbox": OutboxOptions(max_frames=8), "close_s": 0.05}
    async with serve(**options) as server, server.client() as feeder:
        await feeder.start("s1")
        async with server.client(max_queue=1) as viewer:
            await viewer.send(type="join_session", session_id="s1")
            await viewer.until("session_started")
            await flood(server, "s1", feeder)
            async with asyncio.timeout(5):
                while len(server.edge.connections) > 1:
                    await feeder.send(type="heartbeat")
                    await feeder.until("heartbeat")
            viewer.socket.transport.abort()


async def test_keys_are_asked_for_where_they_are_set(serve):
    async with serve(api_keys=("k1",)) as server:
        async with server.client(additional_headers={"X-API-Key": "k1"}) as client:
            await client.start("by-header")
        async with server.client(additional_headers={"Authorization": "Bearer k1"}) as client:
            await client.start("by-bearer")
        async with server.client() as client:
            await client.send(type="authenticate", api_key="k1")
            await client.start("by-message")
        async with server.client() as client:
            await client.send(type="start_session")
            assert await client.closed() == 4401
        async with server.client() as client:
            await client.send(type="authenticate", api_key="wrong")
            assert await client.closed() == 4401
        assert client.seen[-1]["code"] == "unauthorized"
        async with server.client(additional_headers={"X-API-Key": "wrong"}) as client:
            assert await client.closed() == 4401


async def test_credentials_must_come_in_time(serve):
    async with serve(api_keys=("k1",), authenticate_s=0.05) as server, server.client() as client:
        assert await client.closed() == 4401


async def test_foreign_pages_are_refused(serve):
    async with serve(origins=("https://good.example",)) as server:
        async with server.client(origin="https://bad.example") as client:
            assert await client.closed() == 4403
        assert client.seen[-1]["code"] == "forbidden"
        for origin in ("https://good.example", f"http://127.0.0.1:{server.port}"):
            async with server.client(origin=origin) as client:
                assert (await client.receive())["type"] == "connected"


async def test_subscriptions_tell_at_once_and_regularly(serve):
    async with serve(service_period_s=0.02) as server, server.client() as client:
        await client.send(type="subscribe", service="connections")
        await client.until("subscribed", service="connections")
        for _ in range(2):
            told = await client.until("service_event", service="connections")
            assert told["data"]["active"] == 1
            assert told["data"]["peak"] == 1
        await client.send(type="unsubscribe", service="connections")
        await client.until("unsubscribed")
        await client.send(type="heartbeat")
        assert (await client.receive())["type"] == "heartbeat"


async def test_connections_are_described(native):
    async with native.client(user_agent_header="tests/1") as client:
        await client.start("s1")
        await client.socket.send(chunk(1))
        await client.until("audio_ack")
        told = native.edge.connections.describe()
    assert (told["active"], told["peak"], told["total"]) == (1, 1, 1)
    (one,) = told["connections"]
    assert one["user_agent"] == "tests/1"
    assert (one["session_id"], one["listens"]) == ("s1", ["s1"])
    assert one["bytes_in"] > 3200


async def test_a_vanished_client_leaves_nothing_behind(native):
    async with native.client() as client:
        await client.start("s1")
        await client.socket.send(json.dumps({"type": "heartbeat"}))
        await client.until("heartbeat")
        client.socket.transport.abort()
        with pytest.raises(websockets.ConnectionClosed):
            await client.socket.recv()
    async with native.client() as other:
        await other.until("connected")
        await other.send(type="resume_session", session_id="s1")
        await other.until("session_resumed")
        assert len(native.edge.connections) == 1
