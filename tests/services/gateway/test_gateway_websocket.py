"""WebSockets through the gateway."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import websockets
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from livetranslate.services.realtime.options import EdgeOptions
from support.upstreams import proxied, raw_server


@asynccontextmanager
async def upstream(talk, **options):
    async with serve(talk, "127.0.0.1", 0, compression=None, **options) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def test_text_and_binary_pass_both_ways_with_path_and_subprotocol():
    seen = {}

    async def talk(socket: ServerConnection) -> None:
        seen["path"] = socket.request.path
        seen["headers"] = socket.request.headers
        await echo(socket)

    async with upstream(talk, subprotocols=["two"]) as url, proxied(url) as through:
        async with websockets.connect(
            f"{through.websocket}/ws?a=b%20c",
            subprotocols=["one", "two"],
            additional_headers={"X-API-Key": "k"},
            compression=None,
        ) as socket:
            assert socket.subprotocol == "two"
            for message in ("héllo", b"\x00\xff" * 100_000, ""):
                await socket.send(message)
                assert await socket.recv() == message
    assert seen["path"] == "/ws?a=b%20c"
    assert seen["headers"]["X-API-Key"] == "k"
    assert seen["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert seen["headers"]["X-Request-ID"]
    assert "Origin" not in seen["headers"]


async def test_the_close_of_the_instance_reaches_the_caller():
    async def talk(socket: ServerConnection) -> None:
        await socket.send("last words")
        await socket.close(4409, "too slow")

    async with upstream(talk) as url, proxied(url) as through:
        async with websockets.connect(f"{through.websocket}/ws") as socket:
            assert await socket.recv() == "last words"
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4409, "too slow")


async def test_an_instance_that_vanishes_is_told_as_such():
    async def talk(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with upstream(talk) as url, proxied(url) as through:
        async with websockets.connect(f"{through.websocket}/ws") as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
    assert closed.value.rcvd.code == 1014


@pytest.mark.parametrize(("sent", "arrives"), [(1000, 1000), (4321, 4321), (None, 1001)])
async def test_the_close_of_the_caller_reaches_the_instance(sent, arrives):
    ended = asyncio.get_running_loop().create_future()

    async def talk(socket: ServerConnection) -> None:
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            ended.set_result(closed.rcvd.code)

    async with upstream(talk) as url, proxied(url) as through:
        socket = await websockets.connect(f"{through.websocket}/ws")
        if sent is None:
            socket.transport.abort()
        else:
            await socket.close(sent, "bye")
        async with asyncio.timeout(5):
            code = await ended
    # A connection that merely ends tells uvicorn's applications no code at all.
    assert code == arrives or (sent is None and code == 1000)


async def test_a_refusal_of_the_instance_comes_before_the_accept():
    def refuse(connection, request):
        return connection.respond(429, "come again")

    async with upstream(echo, process_request=refuse) as url, proxied(url) as through:
        with pytest.raises(InvalidStatus) as refused:
            await websockets.connect(f"{through.websocket}/ws")
    assert refused.value.response.status_code == 429
    assert refused.value.response.body == b"come again"


async def test_dead_instances_are_passed_over_and_then_left_alone():
    async def cut(reader, writer) -> None:
        await server.request(reader)

    async with raw_server(cut) as server, upstream(echo) as url:
        async with proxied(server.url, url) as through:
            for _ in range(12):
                async with websockets.connect(f"{through.websocket}/ws") as socket:
                    await socket.send("x")
                    assert await socket.recv() == "x"
            assert server.connections == 5  # then the breaker is open
        async with proxied(server.url) as through:
            for _ in range(5):
                with pytest.raises(InvalidStatus) as refused:
                    await websockets.connect(f"{through.websocket}/ws")
            before = server.connections
            with pytest.raises(InvalidStatus) as refused:
                await websockets.connect(f"{through.websocket}/ws")
            response = refused.value.response
            assert (response.status_code, server.connections) == (503, before)
            assert response.headers["Retry-After"]
            assert response.headers["Content-Type"] == "application/problem+json"


async def test_a_caller_that_does_not_read_holds_the_instance_back():
    sent = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal sent
        while True:
            await socket.send(bytes(1024 * 1024))
            sent += 1

    async with upstream(talk, write_limit=1024) as url, proxied(url) as through:
        async with websockets.connect(
            f"{through.websocket}/ws", max_queue=1, compression=None, max_size=None
        ) as socket:
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.2)
            assert sent < 60
            for _ in range(sent + 5):
                await socket.recv()
            socket.transport.abort()


async def test_who_may_connect():
    keys = EdgeOptions(api_keys=("k1",), origins=("http://app",))
    async with upstream(echo) as url, proxied(url, edge=keys) as through:

        async def status(name: str, **headers: str) -> int:
            try:
                async with websockets.connect(
                    f"{through.websocket.replace('whisper', name)}/ws", additional_headers=headers
                ):
                    return 101
            except InvalidStatus as refused:
                return refused.response.status_code

        assert await status("translation") == 401
        assert await status("translation", Authorization="Bearer k1") == 101
        # Whisper asks for credentials by itself, by messages where headers cannot be sent.
        assert await status("whisper") == 101
        assert await status("whisper", Authorization="Bearer wrong") == 401
        assert await status("whisper", Origin="http://evil") == 403
        assert await status("whisper", Origin="http://app") == 101
