"""Whisper services that share a Redis: sessions over their WebSocket outlive either of them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from support.distributed import Distributed, websocket_of
from support.redis_server import RedisServer
from support.sound import s16
from support.survival import SETTINGS, rotated, speeches

CHUNK_BYTES = 3_200
PACE_S = 0.03
"""Between two chunks of 0.1 s."""
QUARTER, HALF = 20, 40
RESTART = 1012


class Dictation:
    """A client of the whisper service that comes back elsewhere when its connection is gone.

    Attributes:
        acknowledged: Number of the newest chunk that was confirmed; -1 before the first.
        finals: Segment id and text of each final result, in order.
        ended: What the end of the session told.
        farewells: Close code of each connection that was lost, and when it was to come again.
    """

    def __init__(self, session_id: str, audio: bytes) -> None:
        self.session_id = session_id
        self.chunks = [audio[at : at + CHUNK_BYTES] for at in range(0, len(audio), CHUNK_BYTES)]
        self.acknowledged = -1
        self.finals: list[tuple[str, str]] = []
        self.ended: dict[str, Any] = {}
        self.farewells: list[tuple[int | None, float | None]] = []
        self._newest = 0

    @property
    def text(self) -> str:
        return " ".join(text for _, text in self.finals)

    async def run(
        self, urls: list[str], before: Callable[[int], Awaitable[None]] | None = None
    ) -> Dictation:
        """Dictate all, at whichever service answers; ``before`` is awaited for each chunk."""
        turn = 0
        while not self.ended:
            try:
                async with connect(urls[turn % len(urls)], proxy=None) as socket:
                    await self._over(socket, before)
            except (OSError, InvalidHandshake, TimeoutError):
                await asyncio.sleep(0.05)
            turn += 1
        return self

    async def _over(
        self, socket: ClientConnection, before: Callable[[int], Awaitable[None]] | None
    ) -> None:
        """Go on over a connection until the session ends or the connection is gone."""
        await self._send(
            socket,
            event="join_session",
            config={"language": "en"},
            resume=True,
            last_event_id=self._newest,
        )
        feeding: asyncio.Task[None] | None = None
        retry_after_s: float | None = None
        try:
            while not self.ended:
                message = msgspec.json.decode(await socket.recv())
                retry_after_s = message.get("retry_after_s")
                if message["event"] in ("session_joined", "session_resumed"):
                    following = message.get("next_seq") or 0
                    assert following > self.acknowledged, "acknowledged audio was lost"
                    feeding = asyncio.create_task(self._feed(socket, following, before))
                self._take(message)
        except ConnectionClosed:
            self.farewells.append((socket.close_code, retry_after_s))
        finally:
            if feeding is not None:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)

    async def _feed(
        self,
        socket: ClientConnection,
        first: int,
        before: Callable[[int], Awaitable[None]] | None,
    ) -> None:
        for seq in range(first, len(self.chunks)):
            if before is not None:
                await before(seq)
            data = base64.b64encode(self.chunks[seq]).decode()
            await self._send(socket, event="transcribe_stream", seq=seq, audio_data=data)
            await asyncio.sleep(PACE_S)
        await self._send(socket, event="end_session")

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["event"]
        if kind == "audio_ack":
            self.acknowledged = max(self.acknowledged, message["seq"])
        elif kind == "transcription_result" and message["is_final"]:
            assert message["event_id"] > self._newest
            self.finals.append((message["segment_id"], message["text"]))
        elif kind == "session_ended":
            self.ended = message
        self._newest = max(self._newest, message.get("event_id") or 0)

    async def _send(self, socket: ClientConnection, **message: Any) -> None:
        message["session_id"] = self.session_id
        await socket.send(msgspec.json.encode(message).decode())


@pytest.fixture
def whispers(redis: RedisServer, tmp_path: Path) -> Iterator[Distributed]:
    """Two whisper services with a worker each, and nothing else."""
    platform = Distributed(tmp_path, redis, f"sqlite+aiosqlite:///{tmp_path}/none.db", SETTINGS)
    platform.whisper()
    platform.whisper()
    try:
        yield platform.start()
    finally:
        platform.stop()


async def test_one_is_killed_and_the_other_restarted_under_live_sessions(whispers: Distributed):
    one, other = whispers.whispers
    urls = [websocket_of(part) for part in whispers.whispers]
    audios = [s16(audio) for audio in speeches(3, 6.0)]
    in_peace = await asyncio.gather(
        *(Dictation(f"peace-{n}", audio).run(urls) for n, audio in enumerate(audios))
    )
    live = [Dictation(f"live-{n}", audio) for n, audio in enumerate(audios)]
    begun, back = asyncio.Event(), asyncio.Event()
    gates = {QUARTER: begun, HALF: back}

    async def gate(seq: int) -> None:
        if seq in gates:
            await gates[seq].wait()

    async def reached(seq: int) -> None:
        while min(each.acknowledged for each in live) < seq:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)

    async def disturb() -> None:
        await reached(QUARTER - 1)
        begun.set()
        one.kill()
        await asyncio.to_thread(lambda: one.start().wait())
        await reached(HALF - 1)
        back.set()
        await asyncio.to_thread(other.restart)

    await asyncio.gather(
        disturb(), *(each.run(rotated(urls, n), gate) for n, each in enumerate(live))
    )
    for peaceful, disturbed in zip(in_peace, live, strict=True):
        assert disturbed.text == peaceful.text
        assert len(set(disturbed.finals)) == len(disturbed.finals)
        statistics = disturbed.ended["statistics"]
        computed = {"inference_s": statistics["inference_s"]}
        assert statistics == peaceful.ended["statistics"] | computed
        assert statistics["chunks"] == len(disturbed.chunks)
    told = [farewell for each in live for farewell in each.farewells]
    assert any(code != RESTART for code, _ in told)
    assert any(code == RESTART and retry_s and retry_s > 0 for code, retry_s in told)
