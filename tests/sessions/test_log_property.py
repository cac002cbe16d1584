"""Whatever workers and clients do, each acknowledged chunk is used once and no event is lost."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetranslate.domain.errors import ClaimLost, SequenceGap
from livetranslate.domain.events import SessionEnded, SessionEvent, TranscriptionResult
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.sessions.log.base import (
    AudioEntry,
    Checkpoint,
    Claim,
    EndEntry,
    LogOptions,
    SessionLog,
)
from support.clock import run_virtual
from support.logs import BACKENDS, opened_log
from support.redis_server import RedisServer
from support.sessions import ended, pcm, text

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 3)),
        st.tuples(st.just("repeat"), st.integers(0, 30)),
        st.tuples(st.just("skip"), st.integers(1, 3)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("look"), st.integers(1, 4)),
        st.tuples(st.just("commit"), st.integers(1, 4)),
        st.tuples(st.just("crash"), st.just(0)),
        st.tuples(st.just("zombie"), st.just(0)),
        st.tuples(st.just("read"), st.integers(1, 5)),
    ),
    max_size=60,
)


@dataclass
class Scenario:
    """One client, one reader, and a worker that is replaced whenever it crashes.

    The worker answers each chunk by one final segment that names the chunk, written together with
    the checkpoint behind it; what it has only looked at it shows as a preview.
    """

    log: SessionLog
    sent: int = 0
    written: int = 0
    claim: Claim | None = None
    position: int = -1
    lost: list[Claim] = field(default_factory=list)
    seen: list[SessionEvent] = field(default_factory=list)

    async def append(self, tenths: int) -> None:
        appended = await self.log.append_audio("s", self.sent, pcm(tenths / 10, self.sent))
        assert appended.seq == self.sent
        self.sent += 1

    async def repeat(self, seq: int) -> None:
        if self.sent:
            appended = await self.log.append_audio("s", seq % self.sent, pcm(0.1, 9999))
            assert appended.seq == self.sent - 1

    async def skip(self, chunks: int) -> None:
        with pytest.raises(SequenceGap) as caught:
            await self.log.append_audio("s", self.sent + chunks, pcm(0.1))
        assert caught.value.expected_seq == self.sent

    async def take(self, _: int) -> None:
        if self.claim is None:
            self.claim = await self.log.claim("w")
            assert self.claim is not None
            checkpoint = self.claim.checkpoint
            self.position = checkpoint.position if checkpoint else -1

    async def look(self, limit: int) -> None:
        if self.claim is None:
            return
        entries = await self.log.read_entries("s", self.position, limit=limit)
        if entries:
            await self.write([text("s", "…")], processed=entries[-1].position)

    async def commit(self, limit: int) -> None:
        if self.claim is None:
            return
        entries = await self.log.read_entries("s", self.position, limit=limit)
        if not entries:
            return
        last = entries[-1].position
        for entry in entries:
            if isinstance(entry, AudioEntry):
                assert entry.chunk.pcm == pcm(entry.chunk.samples / 16_000, entry.chunk.seq)
        events: list[SessionEvent] = [
            text("s", str(entry.chunk.seq), segment=f"chunk-{entry.chunk.seq}", final=True)
            for entry in entries
            if isinstance(entry, AudioEntry)
        ]
        if isinstance(entries[-1], EndEntry):
            events.append(ended("s"))
        await self.write(events, checkpoint=Checkpoint(last, b""))
        self.position = last

    async def write(self, events: list[SessionEvent], **progress: object) -> None:
        assert self.claim is not None
        self.written += len(events)
        last_id = await self.log.append_events(self.claim, events, **progress)
        assert last_id == self.written

    async def crash(self, _: int) -> None:
        if self.claim is not None:
            await self.log.release(self.claim)
            self.lost.append(self.claim)
            self.claim = None

    async def zombie(self, _: int) -> None:
        for claim in self.lost:
            with pytest.raises(ClaimLost):
                await self.log.append_events(claim, [text("s", "zombie", final=True)])

    async def read(self, limit: int) -> None:
        after = self.seen[-1].event_id if self.seen else 0
        self.seen += await self.log.read_events("s", after, limit=limit)

    async def finish(self) -> None:
        await self.log.append_end("s", EndReason.CLIENT_ENDED)
        await self.take(0)
        while not (await self.log.state("s")).ended:
            await self.commit(3)
        while not self.seen or not isinstance(self.seen[-1], SessionEnded):
            await self.read(7)


async def play(backend: str, redis_url: str, steps: list[tuple[str, int]]) -> None:
    async with opened_log(backend, LogOptions(), redis_url=redis_url) as log:
        await log.create("s", SessionConfig())
        scenario = Scenario(log)
        for name, value in steps:
            await getattr(scenario, name)(value)
        await scenario.finish()
        ids = [event.event_id for event in scenario.seen]
        assert ids == sorted(set(ids)) and ids[-1] == scenario.written
        finals = [e for e in scenario.seen if isinstance(e, TranscriptionResult) and e.is_final]
        assert [event.text for event in finals] == [str(seq) for seq in range(scenario.sent)]
        everything = await log.read_events("s", 0)
        previews = [e for e in everything if isinstance(e, TranscriptionResult) and not e.is_final]
        assert len(previews) <= 1
        assert {e.event_id for e in everything} <= set(range(1, scenario.written + 1))


@pytest.mark.parametrize("backend_name", BACKENDS)
def test_every_chunk_is_used_once_and_no_event_is_lost(
    backend_name: str, shared_redis: RedisServer
):
    @settings(max_examples=120 if backend_name == "memory" else 40, deadline=None)
    @given(STEPS)
    def check(steps: list[tuple[str, int]]) -> None:
        run_virtual(play(backend_name, shared_redis.url, steps))

    check()
