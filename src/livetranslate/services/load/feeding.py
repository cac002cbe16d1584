"""One live session of a load: fed in real time, followed to its end, every promise checked."""

from __future__ import annotations

import asyncio
import time
from array import array

from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import LiveTranslateError
from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionStarted,
    TranscriptionResult,
)
from livetranslate.domain.messages import ErrorMessage
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.services.client import CaptionClient, Chunk
from livetranslate.services.load.figures import Figures
from livetranslate.services.load.listening import Listening
from livetranslate.services.load.options import LoadOptions
from livetranslate.services.load.promises import Promises
from livetranslate.services.load.speech import Pcm


class LoadSession:
    """Feeds one session and follows it; ``run`` returns when it is over.

    Args:
        options: The load.
        audio: What is said, round and round.
        begin: Sample of ``audio`` with which this session begins.
        figures: Where everything is counted.
    """

    def __init__(self, options: LoadOptions, audio: Pcm, begin: int, figures: Figures) -> None:
        self._options = options
        self._audio = audio
        self._at = begin
        self._figures = figures
        self._promises = Promises()
        self._chunk_s = options.chunk_ms / 1000
        self._sent_at = array("d")
        self._sent = self._acknowledged = 0
        self._finals = 0
        self._ended: SessionEnded | None = None
        self._listening: list[Listening] = []

    @property
    def unacknowledged_s(self) -> float:
        """Seconds of audio on their way."""
        return (self._sent - self._acknowledged) * self._chunk_s

    async def run(self, stop: asyncio.Event) -> None:
        """Feed until ``stop``, end the session, say what was lost."""
        options, figures = self._options, self._figures
        config = SessionConfig(
            language=options.language, engine=options.engine, target_languages=options.targets
        )
        client = CaptionClient(options.url, config, api_key=options.api_key, on_ack=self._on_ack)
        problem = ""
        try:
            async with client:
                figures.sessions_live += 1
                try:
                    problem = await self._converse(client, stop)
                finally:
                    figures.sessions_live -= 1
                    figures.reconnects += client.reconnects
        except LiveTranslateError as error:
            figures.error(error.code)
            problem = f"{error.code}: {error.message}"
        finally:
            for listening in self._listening:
                await listening.close()
        self._conclude(client.session_id, problem)

    async def _converse(self, client: CaptionClient, stop: asyncio.Event) -> str:
        """Feed and follow; return what went wrong, if anything."""
        for _ in range(self._options.listeners):
            listening = Listening(self._options, client.session_id, self._figures)
            self._listening.append(listening)
            await listening.open()
        following = asyncio.create_task(self._follow(client))
        feeding = asyncio.create_task(self._feed(client, stop))
        try:
            await asyncio.wait({following, feeding}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                feeding.result()
                await asyncio.wait({following}, timeout=self._options.drain_s)
            if not following.done():
                return f"no session_ended within {self._options.drain_s:g} s"
            following.result()
            for listening in self._listening:
                await listening.finished(self._options.drain_s)
            return ""
        finally:
            for task in (feeding, following):
                task.cancel()
            await asyncio.gather(feeding, following, return_exceptions=True)

    async def _feed(self, client: CaptionClient, stop: asyncio.Event) -> None:
        """Send each chunk when its last sample would have been spoken."""
        begin = time.monotonic()
        count = round(self._chunk_s * SAMPLE_RATE)
        while not stop.is_set():
            wait_s = begin + (self._sent + 1) * self._chunk_s - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await client.send(self._next(count))
            self._sent += 1
            self._figures.chunks_sent += 1
        await client.end()

    def _next(self, count: int) -> bytes:
        piece = self._audio[self._at : self._at + count]
        self._at += count
        if len(piece) < count:
            self._at = count - len(piece)
            return piece.tobytes() + self._audio[: self._at].tobytes()
        return piece.tobytes()

    async def _follow(self, client: CaptionClient) -> None:
        async for received in client:
            message = received.message
            if isinstance(message, ErrorMessage | SessionError):
                self._figures.error(message.code)
                continue
            self._figures.events += 1
            if isinstance(message, SessionStarted) and client.opened_at is not None:
                self._figures.sessions_started += 1
                self._figures.start.add(received.at - client.opened_at)
            elif isinstance(message, TranscriptionResult):
                self._result(message, received.at)
            elif isinstance(message, SessionEnded):
                self._ended = message

    def _result(self, result: TranscriptionResult, at: float) -> None:
        broken = self._promises.broken
        self._finals += result.is_final
        for word in self._promises.take(result):
            self._figures.words += 1
            spoken = self._spoken_at(word.end)
            if spoken is not None:
                self._figures.commit.add(at - spoken)
        self._figures.words_changed += self._promises.broken - broken

    def _spoken_at(self, end_s: float) -> float | None:
        """Return when a moment of the audio would have been spoken, from when it was sent."""
        chunk = max(0, int(end_s / self._chunk_s - 1e-6))
        if chunk >= len(self._sent_at):
            return None
        return self._sent_at[chunk] - ((chunk + 1) * self._chunk_s - end_s)

    def _on_ack(self, chunk: Chunk) -> None:
        assert chunk.sent_at is not None and chunk.acked_at is not None  # noqa: S101 - it is confirmed
        self._sent_at.append(chunk.sent_at)
        self._acknowledged += 1
        self._figures.chunks_acknowledged += 1
        self._figures.ack.add(chunk.acked_at - chunk.sent_at)

    def _conclude(self, session_id: str, problem: str) -> None:
        figures, ended = self._figures, self._ended
        lost: list[str] = [problem] if problem else []
        if ended is None and not problem:
            lost.append("no session_ended")
        if ended is not None and ended.reason is not EndReason.CLIENT_ENDED:
            lost.append(f"it ended: {ended.reason.value}")
        if ended is not None and ended.statistics.chunks < self._acknowledged:
            missing = self._acknowledged - ended.statistics.chunks
            lost.append(f"{missing} acknowledged chunks are missing in its statistics")
        if self._acknowledged < self._sent and not problem:
            lost.append(f"{self._sent - self._acknowledged} chunks were never acknowledged")
        if self._promises.broken:
            lost.append(f"{self._promises.broken} committed words changed")
        for number, listening in enumerate(self._listening):
            if not problem and (listening.finals != self._finals or not listening.ended):
                heard = f"{listening.finals} of {self._finals} final segments"
                lost.append(f"listener {number} heard {heard}, end {listening.ended}")
        if lost:
            figures.sessions_failed += 1
            figures.lost.append(f"{session_id}: {'; '.join(lost)}")
        else:
            figures.sessions_ended += 1
