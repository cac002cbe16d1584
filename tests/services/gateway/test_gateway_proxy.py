"""Requests through the gateway, to real servers and to ones that misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import socket

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from livetranslate.services.gateway.breaker import BreakerOptions, BreakerState
from support.asgi import serve
from support.upstreams import OK, RawServer, proxied, raw_server

MIB = 1024 * 1024


async def _echo(request: Request) -> Response:
    return JSONResponse(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.url.query,
            "headers": {name: value for name, value in request.headers.items()},
            "body": (await request.body()).decode("latin-1"),
        }
    )


async def _digest(request: Request) -> Response:
    found = hashlib.sha256()
    async for piece in request.stream():
        found.update(piece)
    return PlainTextResponse(found.hexdigest())


async def _large(request: Request) -> Response:
    count = int(request.query_params["mib"])

    async def pieces():
        for number in range(count):
            yield bytes([number % 256]) * MIB

    return StreamingResponse(pieces())


async def _status(request: Request) -> Response:
    status = int(request.path_params["status"])
    headers = {"ETag": '"x"', "X-Double": "1", "Connection": "X-Hop", "X-Hop": "secret"}
    return Response(b"" if status in (204, 304) else b"body", status, headers)


async def _part(request: Request) -> Response:
    asked = request.headers["range"]
    return Response(b"bcd", 206, {"Content-Range": f"{asked.replace('=', ' ')}/6"})


UPSTREAM = Starlette(
    routes=[
        Route("/echo{rest:path}", _echo, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        Route("/digest", _digest, methods=["POST", "PUT"]),
        Route("/large", _large),
        Route("/part", _part),
        Route("/status/{status:int}", _status),
    ]
)


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        yield client


@pytest.fixture
async def through():
    async with serve(UPSTREAM) as url, proxied(url) as found:
        yield found


async def test_path_query_and_headers_arrive(through, http):
    sent = {
        "X-Request-ID": "mine",
        "X-Forwarded-For": "9.9.9.9",
        "X-API-Key": "k",
        "Connection": "keep-alive, X-Private",
        "X-Private": "hop",
        "TE": "trailers",
    }
    url = f"{through.url}/echo/a%2Fb?x=1&y=%20z"
    async with http.get(aiohttp.client.URL(url, encoded=True), headers=sent) as response:
        told = await response.json()
        assert response.headers["X-Request-ID"] == "mine"
        assert len(response.headers.getall("Date")) == 1
    assert (told["path"], told["query"]) == ("/echo/a%2Fb", "x=1&y=%20z")
    headers = told["headers"]
    assert headers["x-request-id"] == "mine"
    assert headers["x-forwarded-for"] == "9.9.9.9"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"].startswith("127.0.0.1:")
    assert headers["x-api-key"] == "k"
    assert not {"x-private", "te", "connection"} & headers.keys()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_bodies_arrive_with_a_length_and_in_chunks(through, http, method):
    async def pieces():
        yield b"ab"
        await asyncio.sleep(0.01)
        yield b"cd"

    for body in (b"abcd", pieces()):
        async with http.request(method, f"{through.url}/echo", data=body) as response:
            told = await response.json()
        assert (told["method"], told["body"]) == (method, "abcd")


async def test_large_bodies_pass_both_ways(through, http):
    body = bytes(range(256)) * (8 * MIB // 256)
    async with http.post(f"{through.url}/digest", data=body) as response:
        assert await response.text() == hashlib.sha256(body).hexdigest()
    async with http.get(f"{through.url}/large?mib=24") as response:
        received = await response.read()
    assert len(received) == 24 * MIB
    assert received[::MIB] == bytes(range(24))


async def test_answers_without_a_body_stay_without_one(through, http):
    for status in (204, 304):
        async with http.get(f"{through.url}/status/{status}") as response:
            assert response.status == status
            assert response.headers["ETag"] == '"x"'
            assert "X-Hop" not in response.headers
            assert await response.read() == b""
    async with http.head(f"{through.url}/status/200") as response:
        assert response.headers["Content-Length"] == "4"
        assert await response.read() == b""
    async with http.get(f"{through.url}/part", headers={"Range": "bytes=1-3"}) as response:
        assert (response.status, response.headers["Content-Range"]) == (206, "bytes 1-3/6")
        assert await response.read() == b"bcd"
    backend = through.gateway.fleet.backends("whisper")[0]
    assert len(backend.pool._free) == 1  # one connection did for all of them


async def test_an_answer_flows_while_the_request_still_does(http):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while line := await reader.readline():
            size = int(line, 16)
            data = await reader.readexactly(size + 2)
            writer.write(b"%x\r\n%b" % (size, data))
            if not size:
                return await writer.drain()

    async with raw_server(talk) as server, proxied(server.url) as through:
        heard: asyncio.Queue[bytes] = asyncio.Queue()

        async def pieces():
            yield b"one"
            assert await heard.get() == b"one"
            yield b"two"

        async with http.post(f"{through.url}/x", data=pieces()) as response:
            async for piece in response.content.iter_any():
                heard.put_nowait(piece)
        assert await heard.get() == b"two"


async def test_a_slow_reader_holds_the_instance_back():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n")
        while True:
            writer.write(bytes(MIB))
            await writer.drain()
            written += 1

    written = 0
    async with raw_server(talk) as server, proxied(server.url) as through:
        host, port = through.url.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(b"GET /api/whisper/x HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readline()
        before = -1
        while before != written:  # until nothing moves any more
            before = written
            await asyncio.sleep(0.2)
        assert written < 60
        writer.close()
        async with asyncio.timeout(5):
            await server.gone.wait()


async def test_a_caller_that_leaves_ends_the_work(http):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.readexactly(1)

    arrived = asyncio.Event()
    async with raw_server(talk) as server, proxied(server.url) as through:
        asking = asyncio.create_task(http.get(f"{through.url}/x"))
        await arrived.wait()
        asking.cancel()
        async with asyncio.timeout(5):
            await server.gone.wait()
        backend = through.gateway.fleet.backends("whisper")[0]
        assert backend.breaker.failures == 0


async def test_an_answer_that_breaks_off_is_not_taken_for_the_whole(http):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)

    async with raw_server(talk) as server, proxied(server.url) as through:
        with pytest.raises(aiohttp.ClientPayloadError):
            async with http.get(f"{through.url}/x") as response:
                await response.read()
        backend = through.gateway.fleet.backends("whisper")[0]
        assert backend.breaker.failures == 1


async def test_a_body_that_ends_with_its_connection_is_whole(http):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with raw_server(talk) as server, proxied(server.url) as through:
        async with http.get(f"{through.url}/x") as response:
            assert await response.text() == "until the end"


async def test_interim_answers_are_passed_over(http):
    answer = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await RawServer.answer_all(server, reader, writer, answer)

    async with raw_server(talk) as server, proxied(server.url) as through:
        for _ in range(2):
            async with http.get(f"{through.url}/x") as response:
                assert (response.status, await response.text()) == (200, "ok")
        assert server.connections == 1


@pytest.mark.parametrize(
    "noise", [b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000]
)
async def test_what_is_no_http_is_an_error_of_the_instance(http, noise):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(noise)
        await reader.read()

    async with raw_server(talk) as server, proxied(server.url, retries=0) as through:
        async with http.get(f"{through.url}/x") as response:
            assert response.status == 503
            assert (await response.json())["code"] == "backend_unavailable"


async def test_silence_is_a_timeout(http):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(talk) as server, proxied(server.url, timeout_s=0.2) as through:
        async with http.get(f"{through.url}/x") as response:
            assert response.status == 504
            told = await response.json()
        assert (told["code"], told["retryable"]) == ("backend_timeout", True)


async def test_a_caller_that_sends_slowly_is_no_silence(through, http):
    through.gateway.fleet.backends("whisper")[0].pool._options = type(
        through.gateway.fleet.pool_options
    )(silence_s=0.2)

    async def pieces():
        for _ in range(5):
            yield b"x"
            await asyncio.sleep(0.1)

    async with http.post(f"{through.url}/echo", data=pieces()) as response:
        assert (await response.json())["body"] == "xxxxx"


# Choice, retries, breakers.


async def test_work_is_shared_by_weight(http):
    async with raw_server() as one, raw_server() as other:
        async with proxied(f"{one.url};weight=3", other.url) as through:
            for _ in range(80):
                async with http.get(f"{through.url}/x"):
                    pass
        assert (len(one.requests), len(other.requests)) == (60, 20)


def refusing() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_instance_that_refuses_is_passed_over(http, method):
    async with raw_server() as fine, proxied(refusing(), fine.url) as through:
        for _ in range(4):
            async with http.request(method, f"{through.url}/x") as response:
                assert response.status == 200


async def test_a_call_that_may_have_been_received_is_not_sent_again(http):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.request(reader)

    async with raw_server(talk) as server, proxied(server.url) as through:
        async with http.post(f"{through.url}/x", data=b"abc") as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "2"
        assert len(server.requests) == 1
        async with http.get(f"{through.url}/x") as response:
            assert response.status == 503
        assert len(server.requests) == 1 + 4


async def test_passing_trouble_is_tried_again(http):
    answers = [b"HTTP/1.1 502 Bad\r\ncontent-length: 3\r\n\r\nbad", OK]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await server.request(reader)
            writer.write(answers[min(len(server.requests), 2) - 1])

    async with raw_server(talk) as server, proxied(server.url) as through:
        async with http.get(f"{through.url}/x") as response:
            assert await response.text() == "ok"


async def test_retries_do_not_multiply_an_outage(http):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.request(reader)

    breaker = BreakerOptions(threshold=10_000)
    async with raw_server(talk) as server, proxied(server.url, breaker=breaker) as through:
        for _ in range(60):
            async with http.get(f"{through.url}/x"):
                pass
        assert 60 < len(server.requests) <= 60 + 10 + 60 * 0.2


async def test_a_breaker_opens_answers_at_once_and_closes_by_itself(http):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await server.request(reader)
            writer.write(answer)

    answer = b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n"
    later = 0.0
    async with raw_server(talk) as server, proxied(server.url) as through:
        through.gateway.fleet.clock = lambda: later
        for _ in range(5):
            async with http.get(f"{through.url}/x") as response:
                assert response.status == 500
        for _ in range(20):
            async with http.get(f"{through.url}/x") as response:
                assert response.status == 503
                assert response.headers["Retry-After"] == "2"
                assert response.content_type == "application/problem+json"
                assert "left alone" in (await response.json())["detail"]
        assert len(server.requests) == 5
        answer, later = OK, 2.0
        async with http.get(f"{through.url}/x") as response:
            assert response.status == 200
        backend = through.gateway.fleet.backends("whisper")[0]
        assert backend.breaker.state(through.gateway.fleet.clock()) is BreakerState.CLOSED


async def test_a_refusal_that_a_service_explains_opens_no_breaker(http):
    explained = b"HTTP/1.1 503 No\r\ncontent-type: application/problem+json\r\n"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.answer_all(reader, writer, explained + b"content-length: 2\r\n\r\n{}")

    async with raw_server(talk) as server, proxied(server.url) as through:
        for _ in range(8):
            async with http.post(f"{through.url}/x", data=b"{}") as response:
                assert await response.text() == "{}"
        assert len(server.requests) == 8


async def test_one_broken_instance_is_left_alone_while_the_other_serves(http):
    async with raw_server() as fine, proxied(refusing(), fine.url) as through:
        for _ in range(30):
            async with http.get(f"{through.url}/x") as response:
                assert response.status == 200
        states = [
            one.breaker.state(through.gateway.fleet.clock())
            for one in through.gateway.fleet.backends("whisper")
        ]
    assert states == [BreakerState.OPEN, BreakerState.CLOSED]
