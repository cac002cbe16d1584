"""Whatever way connections and sessions end, nothing of them is left in the process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from collections import Counter

import pytest
import websockets

from livetranslate.services.realtime.outbox import OutboxOptions
from livetranslate.sessions.log.base import LogOptions
from support.scripted_edges import chunk

ROUNDS = 12
OURS = {
    "Acks",
    "Connection",
    "FeedSlot",
    "HttpProtocol",
    "Intake",
    "Listener",
    "LoggedSession",
    "LooseClient",
    "NativeProtocol",
    "Outbox",
    "SessionClient",
    "SocketIoClient",
    "WebSocketProtocol",
    "Wire",
    "_Feed",
}
MODULES = (
    "livetranslate.services.realtime",
    "livetranslate.services.protocols",
    "livetranslate.sessions",
)
LONG_S = 3000.0
"""Longer than sessions are kept for anybody."""


def ours() -> list[object]:
    """Everything of a connection or a session that there is in this process."""
    return [
        one
        for one in gc.get_objects()
        if type(one).__name__ in OURS and type(one).__module__.startswith(MODULES)
    ]


class Leftovers:
    """What is there beyond what tests before left, which is held so that it is not mistaken."""

    def __init__(self) -> None:
        gc.collect()
        self._before = ours()

    def now(self) -> Counter[str]:
        """Count it by kind as it is, uncollected garbage included."""
        known = set(map(id, self._before))
        return Counter(type(one).__name__ for one in ours() if id(one) not in known)

    def collected(self) -> Counter[str]:
        """Count it once garbage is collected."""
        gc.collect()
        return self.now()


@pytest.fixture
def leftovers() -> Leftovers:
    return Leftovers()


async def ends_in_order(server, name: str) -> None:
    async with server.client() as client:
        await client.start(name)
        await client.socket.send(chunk(1))
        await client.send(type="end_session", session_id=name)
        await client.until("session_ended")


async def vanishes(server, name: str) -> None:
    async with server.client() as client, server.client() as viewer:
        await client.start(name)
        await viewer.send(type="join_session", session_id=name)
        await viewer.until("session_started")
        await client.socket.send(chunk(1))
        client.socket.transport.abort()
        viewer.socket.transport.abort()


async def is_taken_over(server, name: str) -> None:
    async with server.client() as client, server.client() as other:
        await client.start(name)
        await other.send(type="resume_session", session_id=name, last_seq=-1, last_event_id=0)
        await client.until("error", code="session_busy")
        await other.send(type="leave_session", session_id=name)
        await other.until("session_left")


async def breaks_the_rules(server, name: str) -> None:
    async with server.client() as client:
        await client.start(name)
        await client.socket.send("{")
        await client.until("error")
        with contextlib.suppress(websockets.ConnectionClosed):
            await client.socket.send(bytes(3 * 1024 * 1024))
        assert await client.closed() == 1009


async def never_reads(server, name: str) -> None:
    async with server.client() as feeder, server.client(ping_interval=None) as viewer:
        await feeder.start(name)
        await viewer.send(type="join_session", session_id=name)
        await viewer.until("session_started")
        viewer.socket.transport.pause_reading()
        prompt = "x" * 30_000
        for _ in range(30):
            await feeder.send(type="update_session", session_id=name, config={"prompt": prompt})
            await feeder.until("session_updated")
        viewer.socket.transport.abort()


async def is_deleted(server, name: str) -> None:
    async with server.client() as client, server.client() as viewer:
        await client.start(name)
        await viewer.send(type="join_session", session_id=name)
        await viewer.until("session_started")
        await server.edge.manager.delete(name)
        await viewer.until("session_ended", reason="deleted")


async def streams_without_ceremony(server, name: str) -> None:
    async with server.client("/whisper") as client:
        await client.send(event="join_session", session_id=name)
        await client.until("session_started")
        await client.socket.send(chunk(1))
        client.socket.transport.abort()


async def is_a_browser(server, name: str) -> None:
    async with server.connect("/socket.io/?EIO=4&transport=websocket") as socket:
        await socket.send("40")
        await socket.send("42" + json.dumps(["join_session", {"session_id": name}]))
        async with asyncio.timeout(5):
            while "session_started" not in await socket.recv():
                pass
        socket.transport.abort()


async def leaves_in_the_handshake(server, name: str) -> None:
    _, writer = await asyncio.open_unix_connection(server.bound.getsockname())
    writer.write(f"GET /ws?{name} HTTP/1.1\r\nHost: x\r\n".encode())
    writer.transport.abort()


WAYS = [
    ends_in_order,
    vanishes,
    is_taken_over,
    breaks_the_rules,
    never_reads,
    is_deleted,
    streams_without_ceremony,
    is_a_browser,
    leaves_in_the_handshake,
]


async def test_nothing_is_left_of_connections_and_sessions(leftovers, serve):
    log = LogOptions(max_sessions=1000)
    async with serve(log=log, outbox=OutboxOptions(max_frames=16)) as server:
        await ends_in_order(server, "warm")
        await is_a_browser(server, "warm2")
        await asyncio.sleep(LONG_S)
        before = leftovers.collected()
        tasks = len(asyncio.all_tasks())
        for number in range(ROUNDS):
            await asyncio.gather(*(way(server, f"{way.__name__}-{number}") for way in WAYS))
        assert sum(leftovers.collected().values()) > sum(before.values())
        await asyncio.sleep(LONG_S)
        edge = server.edge
        assert server.edge.connections.total > 10 * ROUNDS
        assert (len(edge.connections), edge.hub.feeds, len(edge.intakes)) == (0, 0, 0)
        assert server.transports == 0
        assert (edge.fed, edge.waiting.bytes) == (set(), 0)
        assert await edge.log.sessions() == []
        assert server.socket_io.server.eio.sockets == {}
        assert server.worker.tasks == set()
        assert len(asyncio.all_tasks()) == tasks
        assert before == Counter()
        assert leftovers.collected() == Counter()


async def listens_and_leaves(server, name: str) -> None:
    del name
    async with server.client() as client:
        await client.until("connected")


async def is_refused(server, name: str) -> None:
    del name
    async with server.connect("/ws", origin="https://elsewhere.example") as socket:
        with contextlib.suppress(websockets.ConnectionClosed):
            await socket.recv()
            await socket.recv()


@pytest.mark.parametrize("way", [listens_and_leaves, vanishes, is_refused, ends_in_order])
async def test_connections_that_end_leave_nothing_for_the_collector(leftovers, serve, way):
    """Thousands that leave together would else hold their memory until a full collection."""
    async with serve(log=LogOptions(max_sessions=1000)) as server:
        await way(server, "warm")
        await asyncio.sleep(LONG_S)
        gc.collect()
        gc.disable()
        try:
            for number in range(ROUNDS):
                await way(server, f"round-{number}")
            await asyncio.sleep(LONG_S)
            assert server.edge.connections.total >= ROUNDS
            assert leftovers.now() == Counter()
        finally:
            gc.enable()
