"""A process of clients, told over its standard input what to do: ``python -m …clients URL``.

Commands and answers are JSON, a line each. Times are of the machine's monotonic clock, which all
processes share.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

from bench.crowds.pipes import serve_commands
from bench.crowds.socket import BINARY, TEXT, Socket, client_frame, open_sockets
from bench.report import percentile

MARK = b"sent-ns="
"""Stands before the time at which an event was published."""
WAIT_S = 60.0


class Crowd:
    """The clients of this process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sockets: list[Socket] = []
        self._watching: list[list[float]] = []

    async def connect(
        self, count: int, hello: list[str], ready: str, modulo: int = 1
    ) -> dict[str, Any]:
        """Open connections at once, send each some texts, and wait for a word in answer.

        In the texts ``{n}`` stands for the connection's number, ``{m}`` for the same modulo
        ``modulo``. Returns the seconds until all had the word.
        """
        began = time.monotonic()
        new = await open_sockets(self._url, count)
        opened = time.monotonic()
        first = len(self._sockets)
        self._sockets += new
        waiting: list[asyncio.Future[None]] = []
        for number, socket in enumerate(new, first):
            if ready:
                waiting.append(_until(socket, ready.encode()))
            for text in hello:
                named = text.replace("{n}", str(number)).replace("{m}", str(number % modulo))
                socket.send(TEXT, named.encode())
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*waiting)
        return {"opened_s": opened - began, "ready_s": time.monotonic() - began}

    async def echo(self, text: str, seconds: float) -> dict[str, Any]:
        """Let each client send again as soon as it was answered; return the answers counted."""
        frame = client_frame(TEXT, text.encode())
        counts = [0] * len(self._sockets)
        until = time.monotonic() + seconds

        def answering(index: int, socket: Socket) -> Callable[[bytes], None]:
            def answer(_: bytes) -> None:
                counts[index] += 1
                if time.monotonic() < until:
                    socket.transport.write(frame)

            return answer

        for index, socket in enumerate(self._sockets):
            socket.on_message = answering(index, socket)
            socket.transport.write(frame)
        await asyncio.sleep(seconds + 0.2)
        return {"messages": sum(counts)}

    async def pace(self, size: int, period_s: float, seconds: float) -> dict[str, Any]:
        """Send a chunk each period on every connection; measure until the ack that covers it."""
        pacers = [_Pacer(socket, size) for socket in self._sockets]
        loop = asyncio.get_running_loop()
        began = loop.time()
        for index, pacer in enumerate(pacers):
            first = began + period_s * index / len(pacers)
            loop.call_at(first, pacer.run, first, period_s, began + seconds)
        await asyncio.sleep(seconds + 1.0)
        done = [one for pacer in pacers for one in pacer.latencies]
        return {
            "sent": sum(pacer.sent for pacer in pacers),
            "late_ms": 1000 * max(pacer.late_s for pacer in pacers),
            "acknowledged": len(done),
            **_spread(done),
        }

    async def watch(self) -> dict[str, Any]:
        """Begin to note when each event arrives at each client."""
        self._watching = []
        for socket in self._sockets:
            seen: list[float] = []
            self._watching.append(seen)
            socket.on_message = _noting(seen)
        return {}

    async def seen(self, expected: int, wait_s: float, stalled: int = 0) -> dict[str, Any]:
        """Wait until all but the stalled clients have the events; return how late they came.

        ``last_ms`` is, of every event, when the last client had it.
        """
        reading = self._watching[stalled:]
        until = time.monotonic() + wait_s
        while time.monotonic() < until and any(  # noqa: ASYNC110 - looks must not cost the readers
            len(one) < expected for one in reading
        ):
            await asyncio.sleep(0.05)
        all_of_them = [late for one in reading for late in one]
        whole = [one for one in reading if len(one) == expected]
        last = [max(lates) for lates in zip(*whole, strict=True)] if whole else []
        return {
            "delivered": len(all_of_them) / (expected * len(reading)),
            "last_ms": [1000 * one for one in last],
            **_spread(all_of_them),
        }

    async def stall(self, count: int) -> dict[str, Any]:
        """Let some clients read nothing any more."""
        for socket in self._sockets[:count]:
            socket.transport.pause_reading()
        return {}

    async def resume(self, count: int) -> dict[str, Any]:
        """Let them read on for a while; return how they were closed, and how many are gone."""
        for socket in self._sockets[:count]:
            if not socket.transport.is_closing():
                socket.transport.resume_reading()
        await asyncio.sleep(3.0)
        them = self._sockets[:count]
        return {
            "codes": [socket.close_code for socket in them],
            "gone": sum(socket.gone for socket in them),
        }

    async def close(self) -> dict[str, Any]:
        """Drop all connections."""
        for socket in self._sockets:
            socket.transport.abort()
        lost = sum(socket.gone for socket in self._sockets)
        self._sockets = []
        return {"lost": lost}


class _Pacer:
    """Sends audio at its pace and measures the acknowledgements."""

    def __init__(self, socket: Socket, size: int) -> None:
        self._socket = socket
        self._frame = client_frame(BINARY, bytes(size))
        self._times: list[float] = []
        self._acknowledged = 0
        self.latencies: list[float] = []
        self.sent = 0
        self.late_s = 0.0
        socket.on_message = self._take

    def run(self, due: float, period_s: float, until: float) -> None:
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        self.late_s = max(self.late_s, loop.time() - due)
        self._times.append(now)
        self.sent += 1
        self._socket.transport.write(self._frame)
        if due + period_s < until:
            loop.call_at(due + period_s, self.run, due + period_s, period_s, until)

    def _take(self, payload: bytes) -> None:
        if not payload.startswith(b'{"type":"audio_ack"'):
            return
        now = time.monotonic()
        at = payload.index(b'"seq":') + 6
        seq = int(payload[at : payload.index(b",", at)])
        while self._acknowledged <= seq:
            self.latencies.append(now - self._times[self._acknowledged])
            self._acknowledged += 1


def _noting(seen: list[float]) -> Callable[[bytes], None]:
    def note(payload: bytes) -> None:
        at = payload.find(MARK)
        if at >= 0:
            at += len(MARK)
            sent = int(payload[at : at + 20])
            seen.append((time.monotonic_ns() - sent) / 1e9)

    return note


def _until(socket: Socket, word: bytes) -> asyncio.Future[None]:
    found: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(payload: bytes) -> None:
        if word in payload and not found.done():
            socket.on_message = None
            found.set_result(None)

    socket.on_message = take
    return found


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {"p50_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0}
    return {
        "p50_ms": 1000 * percentile(seconds, 0.5),
        "p99_ms": 1000 * percentile(seconds, 0.99),
        "max_ms": 1000 * max(seconds),
    }


async def main(url: str) -> None:
    """Serve commands until the input ends."""
    crowd = Crowd(url)

    async def answer(command: dict[str, Any]) -> dict[str, Any]:
        name = command.pop("do")
        result: dict[str, Any] = await getattr(crowd, name)(**command)
        return result

    await serve_commands(answer)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
