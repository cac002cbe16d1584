"""What peers may hold: bounded on every edge, told before the close, and never at others' cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from datetime import UTC, datetime

import aiohttp
import pytest
import websockets

from livetranslate.domain.events import SessionError, SessionEvent, TranscriptionResult
from livetranslate.services import open_files
from livetranslate.services.open_files import RESERVED, allow_open_files
from livetranslate.services.realtime.outbox import OutboxOptions
from livetranslate.sessions.log.base import LogOptions
from support.scripted_edges import Client, chunk

SOCKET_IO = "/socket.io/?EIO=4&transport=websocket"
PATHS = ["/ws", "/whisper"]
JOINS = {
    "/ws": '{"type":"join_session","session_id":"s1"}',
    "/whisper": '{"event":"join_session","session_id":"s1"}',
    SOCKET_IO: '42["join_session",{"session_id":"s1"}]',
}


def large(number: int = 0) -> SessionEvent:
    return SessionError(
        session_id="s1",
        timestamp=datetime.now(UTC),
        code="test",
        message=f"{number} " + "x" * 300_000,
    )


def caption(text: str, *, final: bool) -> SessionEvent:
    return TranscriptionResult(
        session_id="s1",
        timestamp=datetime.now(UTC),
        segment_id="seg",
        text=text,
        language="en",
        confidence=None,
        start=0.0,
        end=1.0,
        is_final=final,
        words=(),
    )


@contextlib.asynccontextmanager
async def stalled(server, path: str = "/ws"):
    """A client that has joined s1 and then reads nothing from the network."""
    options = {"ping_interval": None, "max_queue": None, "max_size": None}
    async with server.connect(path, **options) as socket:
        if path == SOCKET_IO:
            await socket.send("40")
        await socket.send(JOINS[path])
        async with asyncio.timeout(5):
            while "session_started" not in await socket.recv():
                pass
        socket.transport.pause_reading()
        try:
            yield socket
        finally:
            socket.transport.abort()


async def tell(server, *events: SessionEvent) -> None:
    await server.edge.log.append_system_events("s1", list(events))
    await asyncio.sleep(0.01)


async def fill(server) -> None:
    """Write to s1 until something waits for the one who does not read."""
    for number in range(100):
        await tell(server, large(number))
        if server.edge.waiting.bytes:
            return
    raise AssertionError("nothing ever waited")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("size", [1024 * 1024 + 1, 3 * 1024 * 1024])
async def test_too_large_a_message_is_told_before_the_close(serve, path, size):
    async with serve() as server, server.client(path) as client:
        with contextlib.suppress(websockets.ConnectionClosed):
            await client.socket.send(bytes(size))
        assert await client.closed() == 1009
        assert client.seen[-1]["code"] == "message_too_large"
        assert client.seen[-1]["fatal"]


@pytest.mark.parametrize("drip", [b"", b"GET /ws HTTP/1.1\r\nHost: x\r\n"])
async def test_a_handshake_that_never_ends_is_given_up(serve, drip):
    async with serve() as server:
        reader, writer = await asyncio.open_unix_connection(server.bound.getsockname())
        writer.write(drip)
        began = asyncio.get_running_loop().time()

        async def drops() -> None:
            while drip:
                await asyncio.sleep(1)
                writer.write(b"X-More: y\r\n")

        dripping = asyncio.create_task(drops())
        with contextlib.suppress(ConnectionResetError):
            assert b"101" not in await reader.read()
        assert 5 < asyncio.get_running_loop().time() - began < 15
        dripping.cancel()
        writer.close()


async def test_a_slow_request_on_a_kept_connection_is_given_up(serve):
    async with serve() as server:
        reader, writer = await asyncio.open_unix_connection(server.bound.getsockname())
        writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"404" in await reader.readline()
        writer.write(b"GET /nothing HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(15):
                await reader.read()
        writer.close()


async def test_a_peer_that_answers_no_ping_is_cut_off(serve):
    async with serve(ping_s=30) as server:
        reader, writer = await asyncio.open_unix_connection(server.bound.getsockname())
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert b"101" in await reader.readline()
        await asyncio.sleep(29)
        assert len(server.edge.connections) == 1
        await asyncio.sleep(35)
        assert len(server.edge.connections) == 0
        writer.close()


async def test_a_peer_that_is_gone_with_data_on_its_way_is_cut_off(serve):
    async with serve(ping_s=30) as server, server.client(ping_interval=None) as feeder:
        await feeder.start("s1")
        async with stalled(server):
            await fill(server)
            await asyncio.sleep(20)
            assert (len(server.edge.connections), server.transports) == (2, 2)
            await asyncio.sleep(50)
            assert (len(server.edge.connections), server.transports) == (1, 1)
            assert server.edge.waiting.bytes == 0


@pytest.mark.parametrize("path", PATHS)
async def test_a_feeder_that_is_held_back_is_not_taken_for_gone(serve, path):
    """Its socket is not read, so its pongs are not either."""
    log = LogOptions(max_backlog_s=0.5, slow_down_s=0.2, claim_ttl_s=1000)
    async with (
        serve(log=log, slow_down_s=0.2, ping_s=10) as server,
        server.client(path, ping_interval=None) as client,
    ):
        if path == "/ws":
            await client.start("s1")
        else:
            await client.send(event="join_session", session_id="s1")
            await client.until("session_started")
        server.worker.working.clear()
        for value in range(20):
            await client.socket.send(chunk(value))
        await client.until("slow_down")
        await asyncio.sleep(300)
        assert (await server.edge.log.state("s1")).buffered_s <= 0.6
        server.worker.working.set()
        name = "type" if path == "/ws" else "event"
        await client.send(**{name: "end_session", "session_id": "s1"})
        await client.until("session_ended")
        words = " ".join(client.texts("s1")).split()
        assert words == [f"w{value}" for value in range(20)]


@pytest.mark.parametrize("path", PATHS)
async def test_idle_connections_are_closed(serve, path):
    async with serve(idle_timeout_s=4) as server:
        async with server.client(path) as client, server.client() as busy:
            for _ in range(10):
                await asyncio.sleep(1)
                await busy.send(type="heartbeat")
                await busy.until("heartbeat")
            assert await client.closed() == 4408
        assert client.seen[-1]["code"] == "idle_timeout"


async def test_idle_socket_io_connections_are_sent_away(serve):
    async with serve(idle_timeout_s=4) as server:
        async with server.connect(SOCKET_IO) as socket:
            await socket.send("40")
            async with asyncio.timeout(10):
                while "idle_timeout" not in await socket.recv():
                    pass
            await asyncio.sleep(0.1)
            assert len(server.edge.connections) == 0


async def test_the_limit_of_connections_counts_all_edges(serve):
    async with serve(max_connections=2) as server, server.client() as first:
        await first.until("connected")
        async with server.connect(SOCKET_IO) as browser:
            await browser.send("40")
            await asyncio.sleep(0.1)
            assert len(server.edge.connections) == 2
            for path in PATHS:
                async with server.client(path) as late:
                    assert await late.closed() == 1013
                assert late.seen[-1]["code"] == "overloaded"
                assert late.seen[-1]["retry_after_s"] > 0
            async with server.connect(SOCKET_IO) as another:
                await another.send("40")
                refused = [await another.recv() for _ in range(2)][-1]
                assert refused.startswith("44")
                assert "overloaded" in refused
        await first.send(type="heartbeat")
        await first.until("heartbeat")


async def test_socket_io_peers_who_say_nothing_are_bounded_too(serve):
    async with serve(max_connections=1) as server:
        door = aiohttp.UnixConnector(server.bound.getsockname())
        async with server.connect(SOCKET_IO), aiohttp.ClientSession(connector=door) as http:
            polling = "http://here/socket.io/?EIO=4&transport=polling"
            async with http.get(polling) as answer:
                assert answer.status == 503
                assert int(answer.headers["Retry-After"]) >= 1
            with pytest.raises(websockets.InvalidStatus):
                await server.connect(SOCKET_IO)


async def test_one_who_stalls_gets_the_newest_preview_and_every_final(serve):
    async with serve() as server, server.client() as feeder:
        await feeder.start("s1")
        async with stalled(server) as viewer:
            await fill(server)
            for number in range(300):
                await tell(server, caption(f"preview {number}", final=False))
            await tell(server, large(), caption("over", final=True), caption("next", final=False))
            await asyncio.sleep(20)
            viewer.transport.resume_reading()
            got: list[str] = []
            async with asyncio.timeout(5):
                while "next" not in got:
                    message = json.loads(await viewer.recv())
                    if message["type"] == "transcription_result":
                        got.append(message["text"])
            assert got[-2:] == ["over", "next"]
            assert len(got) < 50


@pytest.mark.parametrize("path", [*PATHS, SOCKET_IO])
async def test_one_who_never_reads_again_is_cut_off_and_leaves_nothing(serve, path):
    options = OutboxOptions(max_frames=8)
    async with serve(outbox=options, ping_s=1000) as server, server.client() as feeder:
        await feeder.start("s1")
        async with stalled(server, path):
            assert len(server.edge.connections) == 2
            for number in range(120):
                await tell(server, large(number))
                await feeder.until("error", code="test")
            await asyncio.sleep(5)
            assert len(server.edge.connections) == 1
            assert server.edge.waiting.bytes == 0
            assert server.transports == 1
            await asyncio.sleep(60)
            assert len(server.socket_io.server.eio.sockets) == 0
        await feeder.send(type="heartbeat")
        await feeder.until("heartbeat")


async def test_many_who_stall_hold_no_more_than_all_may_together(serve):
    options = OutboxOptions(max_total_bytes=2_000_000)
    async with serve(outbox=options) as server, server.client() as feeder:
        await feeder.start("s1")
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(12):
                await stack.enter_async_context(stalled(server))
            most = 0
            for number in range(40):
                await tell(server, large(number))
                await feeder.until("error", code="test")
                most = max(most, server.edge.waiting.bytes)
            # Each may have one frame waiting, whatever the others hold.
            assert 300_000 <= most <= 2_000_000 + 12 * 301_000
            await asyncio.sleep(5)
            assert len(server.edge.connections) == 1
            assert server.edge.waiting.bytes == 0


def test_open_files_are_raised_as_far_as_allowed(monkeypatch):
    asked: list[tuple[int, int]] = []
    told: list[dict] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    monkeypatch.setattr(open_files._log, "warning", lambda _, **fields: told.append(fields))
    limits = {"now": (1024, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    assert allow_open_files(100) == 1024
    assert (asked, told) == ([], [])
    assert allow_open_files(2000) == 2000 + RESERVED
    assert (asked, told) == ([(2000 + RESERVED, 4096)], [])
    assert allow_open_files(10_000) == 4096
    assert asked[-1] == (4096, 4096)
    assert told[0]["connections"] == 4096 - RESERVED
    assert str(10_000 + RESERVED) in told[0]["help"]


async def test_a_resume_brings_what_a_stalled_reader_missed(serve):
    async with serve(outbox=OutboxOptions(max_frames=8)) as server, server.client() as feeder:
        await feeder.start("s1")
        async with stalled(server) as viewer:
            for number in range(60):
                await tell(server, large(number))
            viewer.transport.resume_reading()
            reader = Client(viewer)
            assert await reader.closed() == 4409
        told = [one["event_id"] for one in reader.seen if one.get("code") == "test"]
        assert told == list(range(told[0], told[0] + len(told)))
        async with server.client() as again:
            await again.send(
                type="resume_session", session_id="s1", last_seq=-1, last_event_id=told[-1]
            )
            missed = []
            while not missed or missed[-1] < 61:
                missed.append((await again.until("error", code="test"))["event_id"])
        assert missed == list(range(told[-1] + 1, 62))
