"""The caption client against the native WebSocket itself."""

from __future__ import annotations

import asyncio

import numpy as np

from livetranslate.domain.events import SessionEnded, TranscriptionResult
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.services.client import CaptionClient, Chunk, ClientOptions
from support.edge_server import NativeServer


class Proxy:
    """A way to the server that can be cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, far_writer]
        await asyncio.gather(
            self._pump(reader, far_writer), self._pump(far_reader, writer), return_exceptions=True
        )
        writer.close()
        far_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()


async def test_a_session_survives_a_lost_connection(native: NativeServer) -> None:
    acked: list[Chunk] = []
    proxy = Proxy(native.port)
    listening = await proxy.listen()
    client = CaptionClient(
        f"http://127.0.0.1:{proxy.port}",
        SessionConfig(language="en"),
        options=ClientOptions(reconnect_first_s=0.01, max_unacknowledged=4),
        on_ack=acked.append,
    )

    async def feed() -> None:
        for number in range(24):
            await client.send(np.full(1600, number, "<i2").tobytes())
            if number == 10:
                proxy.cut()
        await client.end()

    words: dict[str, str] = {}
    async with client:
        feeder = asyncio.create_task(feed())
        async for received in client:
            if isinstance(received.message, TranscriptionResult):
                words[received.message.segment_id] = received.message.text
            last = received.message
        await feeder
    listening.close()
    assert isinstance(last, SessionEnded)
    assert last.reason is EndReason.CLIENT_ENDED
    assert client.reconnects == 1
    assert [chunk.seq for chunk in acked] == list(range(24))
    assert " ".join(words.values()).split() == [f"w{number}" for number in range(24)]
