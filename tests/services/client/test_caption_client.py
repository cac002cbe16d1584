"""The client over a real socket: nothing lost, nothing twice, whatever the connection does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from livetranslate.domain.errors import (
    BackendUnavailable,
    Conflict,
    InvalidInput,
    Overloaded,
    UnsupportedLanguage,
)
from livetranslate.domain.events import SessionEnded, SessionStarted, TranscriptionResult
from livetranslate.domain.messages import ErrorMessage
from livetranslate.domain.session import SessionConfig
from livetranslate.services.client import CaptionClient, Chunk, ClientOptions, Received
from livetranslate.services.client.addresses import websocket_url
from livetranslate.services.client.window import SendWindow
from support.captions_server import CaptionsServer

QUICK = ClientOptions(reconnect_first_s=0.01, reconnect_most_s=0.02, give_up_s=5)


@pytest.fixture
async def server() -> AsyncIterator[CaptionsServer]:
    async with CaptionsServer() as running:
        yield running


def chunks(count: int) -> list[bytes]:
    return [number.to_bytes(4, "little") for number in range(count)]


async def stream(client: CaptionClient, count: int) -> list[Received]:
    """Feed and listen side by side; return everything that came."""

    async def feed() -> None:
        for chunk in chunks(count):
            await client.send(chunk)
        await client.end()

    feeder = asyncio.create_task(feed())
    found = [received async for received in client]
    await feeder
    return found


def port_of(server: CaptionsServer) -> int:
    return int(server.url.split(":")[2].split("/")[0])


def texts(found: list[Received]) -> list[str]:
    return [
        received.message.text
        for received in found
        if isinstance(received.message, TranscriptionResult)
    ]


async def test_a_session_from_start_to_end(server: CaptionsServer) -> None:
    acked: list[Chunk] = []
    config = SessionConfig(language="en", metadata={"a": 1})
    async with CaptionClient(server.url, config, on_ack=acked.append) as client:
        found = await stream(client, 20)
    kept = server.sessions[client.session_id]
    assert kept.config == config
    assert kept.chunks == chunks(20)
    assert texts(found) == [f"w{n}" for n in range(20)]
    assert isinstance(found[0].message, SessionStarted)
    assert isinstance(found[-1].message, SessionEnded)
    assert [chunk.seq for chunk in acked] == list(range(20))
    assert client.acknowledged == 19
    assert client.buffered_s == 1.9
    for chunk in acked:
        assert chunk.sent_at is not None and chunk.acked_at is not None
        assert chunk.queued_at <= chunk.sent_at <= chunk.acked_at
    assert [received.at for received in found] == sorted(received.at for received in found)


async def test_broken_connections_lose_and_double_nothing(server: CaptionsServer) -> None:
    server.cuts = [3, 4, 11, 29]
    async with CaptionClient(server.url, SessionConfig(), options=QUICK) as client:
        found = await stream(client, 30)
    assert server.sessions[client.session_id].chunks == chunks(30)
    assert texts(found) == [f"w{n}" for n in range(30)]
    assert client.reconnects == 4


async def test_a_gap_is_filled_from_where_the_server_says(server: CaptionsServer) -> None:
    server.lose = [5, 9]
    async with CaptionClient(server.url, SessionConfig(), options=QUICK) as client:
        found = await stream(client, 15)
    assert server.sessions[client.session_id].chunks == chunks(15)
    assert texts(found) == [f"w{n}" for n in range(15)]


async def test_slow_down_pauses_the_sending(server: CaptionsServer) -> None:
    server.slow, server.slow_s = 0, 0.08
    sent: list[Chunk] = []
    options = ClientOptions(max_unacknowledged=2)
    async with CaptionClient(
        server.url, SessionConfig(), on_ack=sent.append, options=options
    ) as client:
        found = await stream(client, 10)
    assert len(texts(found)) == 10
    pauses = [
        after.sent_at - before.sent_at
        for before, after in pairwise(sent)
        if after.sent_at is not None and before.sent_at is not None
    ]
    assert max(pauses) >= server.slow_s * 0.9


async def test_send_waits_while_too_much_is_unconfirmed(server: CaptionsServer) -> None:
    options = ClientOptions(max_unacknowledged=4)
    async with CaptionClient(server.url, SessionConfig(), options=options) as client:
        found = await stream(client, 40)
    assert len(texts(found)) == 40


async def test_silence_is_bridged_by_heartbeats(server: CaptionsServer) -> None:
    options = ClientOptions(heartbeat_s=0.01)
    async with CaptionClient(server.url, SessionConfig(), options=options) as client:
        async with asyncio.timeout(5):
            await server.pinged.wait()
        await stream(client, 1)


async def test_no_server_names_the_remedy() -> None:
    with pytest.raises(BackendUnavailable, match="livetranslate up"):
        async with CaptionClient("ws://127.0.0.1:9/ws", SessionConfig()):
            pass


async def test_no_websocket_address() -> None:
    with pytest.raises(InvalidInput) as refused:
        async with CaptionClient("nonsense", SessionConfig()):
            pass
    assert refused.value.field == "url"


async def test_a_refused_start_is_raised_as_what_it_is(server: CaptionsServer) -> None:
    server.refuse_start = ErrorMessage(
        code="unsupported_language", message="no such language", field="config.language"
    )
    with pytest.raises(UnsupportedLanguage) as refused:
        async with CaptionClient(server.url, SessionConfig(language="xx")):
            pass
    assert refused.value.field == "config.language"


async def test_a_full_server_is_not_asked_again(server: CaptionsServer) -> None:
    server.close_with = 1013
    with pytest.raises(Overloaded, match="full up"):
        async with CaptionClient(server.url, SessionConfig(), options=QUICK):
            pass


async def test_a_server_that_stays_away_is_given_up(server: CaptionsServer) -> None:
    options = ClientOptions(reconnect_first_s=0.01, reconnect_most_s=0.02, give_up_s=0.05)
    async with CaptionClient(server.url, SessionConfig(), options=options) as client:
        await server.stop()
        with pytest.raises(BackendUnavailable, match="did not come back"):
            await stream(client, 3)
        with pytest.raises(BackendUnavailable):
            await client.send(b"more")


async def test_a_restarted_server_is_found_again(server: CaptionsServer) -> None:
    async with CaptionClient(server.url, SessionConfig(), options=QUICK) as client:
        await client.send(b"0001")
        port = port_of(server)
        await server.stop()
        await server.listen(port)
        found = await stream(client, 5)
    assert len(texts(found)) == 6
    assert len(server.sessions[client.session_id].chunks) == 6


async def test_a_session_goes_on_at_another_instance(server: CaptionsServer) -> None:
    async with CaptionsServer() as other:
        other.sessions = server.sessions
        async with CaptionClient(
            f"{server.url},{other.url}", SessionConfig(), options=QUICK
        ) as client:
            for chunk in chunks(3):
                await client.send(chunk)
            await server.stop()
            found = await stream(client, 5)
    assert server.sessions[client.session_id].chunks == chunks(3) + chunks(5)
    assert texts(found) == [f"w{n}" for n in range(8)]


async def test_the_first_instance_that_answers_gets_the_session(server: CaptionsServer) -> None:
    nobody = "ws://127.0.0.1:9/ws"
    async with CaptionClient(f"{nobody},{server.url}", SessionConfig(), options=QUICK) as client:
        assert len(texts(await stream(client, 3))) == 3
    with pytest.raises(BackendUnavailable, match="9/ws or ws"):
        async with CaptionClient(f"{nobody},{nobody}", SessionConfig(), options=QUICK):
            pass


async def test_a_start_that_was_lost_is_said_again(server: CaptionsServer) -> None:
    async with CaptionsServer() as deaf:
        deaf.deaf = True
        async with CaptionClient(
            f"{deaf.url},{server.url}", SessionConfig(), options=QUICK
        ) as client:
            assert len(texts(await stream(client, 3))) == 3


async def test_what_cannot_be_taken_for_now_is_sent_again(server: CaptionsServer) -> None:
    acked: list[Chunk] = []
    async with CaptionClient(
        server.url, SessionConfig(), options=QUICK, on_ack=acked.append
    ) as client:
        server.away = True
        streaming = asyncio.create_task(stream(client, 30))
        async with asyncio.timeout(5):
            await server.turned_away.wait()
        assert acked == []
        server.away = False
        found = await streaming
    assert server.sessions[client.session_id].chunks == chunks(30)
    assert texts(found) == [f"w{n}" for n in range(30)]


class Relay:
    """Passes bytes on to a server until it is told to fall silent; its connections stay open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._silent = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ws"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    def fall_silent(self) -> None:
        self._silent.set()
        for task in self._tasks:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._silent.is_set():
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, far_writer]
        for one, other in ((reader, far_writer), (far_reader, writer)):
            self._tasks.add(asyncio.create_task(self._pass(one, other)))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)


async def test_a_server_that_falls_silent_is_left(server: CaptionsServer) -> None:
    options = ClientOptions(reconnect_first_s=0.01, open_timeout_s=0.1, alive_s=0.2)
    async with CaptionsServer() as other, Relay(port_of(server)) as relay:
        other.sessions = server.sessions
        async with CaptionClient(
            f"{relay.url},{other.url}", SessionConfig(), options=options
        ) as client:
            relay.fall_silent()
            assert len(texts(await stream(client, 3))) == 3
        assert client.reconnects >= 1


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ws://a:1/ws", "ws://a:1/ws"),
        ("http://localhost:3000", "ws://localhost:3000/ws"),
        ("https://captions.example/", "wss://captions.example/ws"),
        ("http://a/b/ws", "ws://a/b/ws"),
    ],
)
def test_addresses(given: str, meant: str) -> None:
    assert websocket_url(given) == meant


def test_a_window_refuses_what_it_can_no_longer_send() -> None:
    window = SendWindow(limit=10)
    for data in chunks(4):
        window.add(data, 0.0)
    while window.take(1.0):
        pass
    assert [chunk.seq for chunk in window.acknowledge(1, 2.0)] == [0, 1]
    window.rewind(2)
    again = window.take(3.0)
    assert again is not None and (again.seq, again.sent_at) == (2, 1.0)
    with pytest.raises(Conflict):
        window.rewind(1)
    with pytest.raises(Conflict):
        window.rewind(5)
