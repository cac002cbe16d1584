"""The light client of idle connections, against a full server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.load.idle import open_idle


class Guests:
    """The connections of a server."""

    def __init__(self) -> None:
        self.came = asyncio.Queue[ServerConnection]()
        self.left = asyncio.Queue[int | None]()

    async def welcome(self, guest: ServerConnection) -> None:
        self.came.put_nowait(guest)
        await guest.send("x" * 70_000)
        await guest.wait_closed()
        self.left.put_nowait(guest.close_code)


@pytest.fixture
def guests() -> Guests:
    return Guests()


@pytest.fixture
async def server(guests: Guests) -> AsyncIterator[Server]:
    async with serve(guests.welcome, "127.0.0.1", 0) as running:
        yield running


def address(server: Server) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


async def test_it_answers_pings_behind_anything_else(server: Server, guests: Guests) -> None:
    lost: list[int] = []
    connection = await open_idle(address(server), "key", 0, lambda: lost.append(1))
    async with asyncio.timeout(10):
        guest = await guests.came.get()
        assert guest.request is not None
        assert guest.request.headers["Authorization"] == "Bearer key"
        for length in (0, 5, 125):
            await (await guest.ping(b"p" * length))
        connection.close()
        assert await guests.left.get() == 1000
    assert lost == []


async def test_a_close_by_the_server_is_noticed(server: Server, guests: Guests) -> None:
    gone = asyncio.Event()
    await open_idle(address(server), None, 0, gone.set)
    async with asyncio.timeout(10):
        await (await guests.came.get()).close(1012)
        await gone.wait()


async def test_many_connections_come_from_several_addresses(server: Server, guests: Guests) -> None:
    first = await open_idle(address(server), None, 0, lambda: None)
    other = await open_idle(address(server), None, 20_000, lambda: None)
    async with asyncio.timeout(10):
        present = [await guests.came.get() for _ in range(2)]
    assert {guest.remote_address[0] for guest in present} == {"127.0.0.1", "127.0.0.3"}
    first.close()
    other.close()


async def test_a_refusal_says_why(server: Server) -> None:
    with pytest.raises(BackendUnavailable, match="no connection"):
        await open_idle("ws://127.0.0.1:1/ws", None, 0, lambda: None)

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as grumpy:
        port = grumpy.sockets[0].getsockname()[1]
        with pytest.raises(BackendUnavailable, match="503"):
            await open_idle(f"ws://127.0.0.1:{port}/ws", None, 0, lambda: None)
