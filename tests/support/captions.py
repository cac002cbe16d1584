"""Streams audio to a running platform as a client would, and keeps what comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionEvent,
    SessionStarted,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.session import SessionConfig
from livetranslate.domain.speech import Word
from livetranslate.services.client import CaptionClient, Chunk, ClientOptions, Received
from support.sound import s16

CHUNK = 1600


class Captions:
    """What a session yielded, in order, and what was sent for it."""

    def __init__(
        self, received: Sequence[Received], reconnects: int, sent: Sequence[Chunk] = ()
    ) -> None:
        self.received = list(received)
        self.reconnects = reconnects
        self.sent = list(sent)

    @property
    def events(self) -> list[SessionEvent]:
        return [each.message for each in self.received if isinstance(each.message, SessionEvent)]

    @property
    def finals(self) -> list[TranscriptionResult]:
        return [
            event
            for event in self.events
            if isinstance(event, TranscriptionResult) and event.is_final
        ]

    @property
    def text(self) -> str:
        return " ".join(final.text for final in self.finals)

    @property
    def words(self) -> list[Word]:
        return [word for final in self.finals for word in final.words]

    def translations(self, language: str) -> list[TranslationResult]:
        return [
            event
            for event in self.events
            if isinstance(event, TranslationResult)
            and event.is_final
            and event.target_language == language
        ]

    @property
    def started(self) -> SessionStarted:
        return next(event for event in self.events if isinstance(event, SessionStarted))

    @property
    def ended(self) -> SessionEnded:
        last = self.events[-1]
        assert isinstance(last, SessionEnded)
        return last

    @property
    def unacknowledged(self) -> list[int]:
        """Numbers of the chunks that were sent and never confirmed."""
        return [chunk.seq for chunk in self.sent if chunk.acked_at is None]

    def silence_at(self, begin: float, seconds: float) -> float:
        """Longest time without a new word in so many seconds from a monotonic time on.

        Counted while the session was fed: 0 for one that began later or ended before.
        """
        end = min(begin + seconds, self.sent[-1].queued_at)
        if self.sent[0].queued_at > begin or end <= begin:
            return 0.0
        times = [begin]
        seen: dict[str, str] = {}
        for each in self.received:
            event = each.message
            if isinstance(event, TranscriptionResult) and seen.get(event.segment_id) != event.text:
                seen[event.segment_id] = event.text
                if begin < each.at < end:
                    times.append(each.at)
        return max(after - before for before, after in pairwise([*times, end]))

    def acknowledged_between(self, begin: float, end: float) -> list[int]:
        """Numbers of the chunks that were confirmed between two monotonic times."""
        return [chunk.seq for chunk in self.sent if begin < (chunk.acked_at or 0.0) < end]

    @property
    def errors(self) -> list[SessionError]:
        return [event for event in self.events if isinstance(event, SessionError)]

    def revised_commitments(self) -> list[tuple[str, str]]:
        """Committed beginnings of segments that a later event contradicts; none is right."""
        committed: dict[str, list[str]] = {}
        wrong: list[tuple[str, str]] = []
        for event in self.events:
            if not isinstance(event, TranscriptionResult):
                continue
            before = committed.get(event.segment_id, [])
            now = [word.word for word in event.words if word.committed]
            if now[: len(before)] != before:
                wrong.append((" ".join(before), " ".join(now)))
            committed[event.segment_id] = now
        return wrong


async def stream(
    url: str,
    audio: NDArray[np.float32],
    config: SessionConfig | None = None,
    *,
    real_time: bool = True,
    session_id: str | None = None,
    options: ClientOptions | None = None,
    on_received: Callable[[Received], None] | None = None,
) -> Captions:
    """Feed ``audio`` (16 kHz) to a session and return all that came back until its end.

    ``on_received`` hears of each message as it comes.
    """
    received: list[Received] = []
    sent: list[Chunk] = []
    pcm = s16(audio)
    async with CaptionClient(
        url, config or SessionConfig(), session_id=session_id, options=options
    ) as client:

        async def feed() -> None:
            begin = time.monotonic()
            for index in range(0, len(pcm), 2 * CHUNK):
                chunk = pcm[index : index + 2 * CHUNK]
                sent.append(await client.send(chunk))
                if real_time:
                    due = begin + (index + len(chunk)) / 32_000
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
            await client.end()

        feeding = asyncio.create_task(feed())
        async for each in client:
            received.append(each)
            if on_received is not None:
                on_received(each)
        await feeding
        return Captions(received, client.reconnects, sent)
