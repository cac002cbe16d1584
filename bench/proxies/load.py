"""Sends requests over a number of connections, each as soon as its last one is answered."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import httptools
import uvloop

from bench.crowds.pipes import serve_commands
from bench.proxies.pinning import pin
from bench.report import percentile


class Caller(asyncio.Protocol):
    """One connection that always has one request under way."""

    def __init__(self, request: bytes, until: float, spent: list[float], status: int) -> None:
        self._request = request
        self._until = until
        self._spent = spent
        self._status = status
        self.failed: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Read the answer; send the next request once it is whole."""
        self._parser.feed_data(data)
        if self._whole:
            now = time.perf_counter()
            self._spent.append(now - self._at)
            if self._parser.get_status_code() != self._status:
                self.failed = f"answered {self._parser.get_status_code()}"
            if now < self._until and self.failed is None:
                self._send()
            else:
                self._transport.close()

    def on_message_complete(self) -> None:
        """Note that the answer is whole."""
        self._whole = True

    def _send(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._whole = False
        self._at = time.perf_counter()
        self._transport.write(self._request)


async def measure(
    port: int, path: str, connections: int, seconds: float, status: int
) -> dict[str, Any]:
    """Return requests a second and their times in ms."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    spent: list[float] = []
    until = time.perf_counter() + seconds
    callers = [Caller(request, until, spent, status) for _ in range(connections)]
    for caller in callers:
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)
    await asyncio.sleep(until - time.perf_counter() + 0.2)
    failures = [caller.failed for caller in callers if caller.failed]
    if failures or not spent:
        raise ValueError(failures[0] if failures else "nothing was answered")
    return {
        "rate": len(spent) / seconds,
        "requests": len(spent),
        "p50_ms": 1000 * percentile(spent, 0.5),
        "p99_ms": 1000 * percentile(spent, 0.99),
    }


async def _answer(command: dict[str, Any]) -> dict[str, Any]:
    if "cores" in command:
        return await pin(command)
    return await measure(
        command["port"],
        command["path"],
        command["connections"],
        command["seconds"],
        command.get("status", 200),
    )


if __name__ == "__main__":
    uvloop.run(serve_commands(_answer))
