"""A scripted worker and small clients for the tests of the live edges."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime

import websockets

from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import ClaimLost, NotFound
from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionEvent,
    SessionStarted,
    SessionUpdated,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.session import (
    AppliedConfig,
    EndReason,
    PolicyName,
    SessionConfig,
    SessionStatistics,
)
from livetranslate.domain.speech import Word
from livetranslate.sessions.log.base import (
    AudioEntry,
    Checkpoint,
    Claim,
    EndEntry,
    SessionLog,
    UpdateEntry,
)
from livetranslate.sessions.work import WorkerReport

CHUNKS_A_SEGMENT = 4


class ScriptedWorker:
    """Claims sessions; writes one word a chunk: ``w<first sample value>``, final every fourth."""

    def __init__(self, log: SessionLog, worker_id: str = "scripted") -> None:
        self.log = log
        self.worker_id = worker_id
        self.working = asyncio.Event()
        self.working.set()
        self.tasks: set[asyncio.Task[None]] = set()

    def report(self) -> WorkerReport:
        return WorkerReport(
            worker_id=self.worker_id,
            pid=1,
            host="here",
            ready=True,
            sessions=(),
            buffered_s=(),
            models=(),
            memory_bytes=1,
            cpu_percent=0.0,
            default_engine="scripted",
            default_reason="the tests want it",
            device="none",
        )

    async def run(self) -> None:
        try:
            while True:
                claim = await self.log.claim(self.worker_id, wait_s=5.0)
                if claim is not None:
                    task = asyncio.create_task(self._session(claim))
                    self.tasks.add(task)
                    task.add_done_callback(self.tasks.discard)
        finally:
            for task in self.tasks:
                task.cancel()

    async def _session(self, claim: Claim) -> None:
        with contextlib.suppress(ClaimLost, NotFound):
            await self._work(claim, _Script(claim.session_id, claim.config))

    async def _work(self, claim: Claim, script: _Script) -> None:
        await self.working.wait()
        if script.config.language == "xx":
            await self.log.append_events(claim, script.failed())
            return
        await self.log.append_events(claim, [script.started(self.worker_id)])
        position = -1
        while True:
            await self.log.touch(claim)
            for entry in await self.log.read_entries(claim.session_id, position, wait_s=1.0):
                await self.working.wait()
                position = entry.position
                events = script.take(entry)
                checkpoint = Checkpoint(position, b"")
                await self.log.append_events(
                    claim, events, checkpoint=checkpoint, processed=position
                )
                if isinstance(entry, EndEntry):
                    return


class _Script:
    def __init__(self, session_id: str, config: SessionConfig) -> None:
        self.session_id = session_id
        self.config = config
        self.words: list[Word] = []
        self.segment = 0
        self.chunks = 0
        self.end_sample = 0

    def started(self, worker_id: str) -> SessionStarted:
        applied = AppliedConfig(
            config=self.config,
            engine="scripted",
            engine_reason="the tests want it",
            model="none",
            device="cpu",
            compute_type="int8",
            policy=PolicyName.LOCAL_AGREEMENT,
            worker_id=worker_id,
        )
        return SessionStarted(session_id=self.session_id, timestamp=_now(), config=applied)

    def failed(self) -> list[SessionEvent]:
        return [
            SessionError(
                session_id=self.session_id,
                timestamp=_now(),
                code="unsupported_language",
                message="xx is not spoken here",
                field="config.language",
                fatal=True,
            ),
            SessionEnded(
                session_id=self.session_id,
                timestamp=_now(),
                reason=EndReason.FAILED,
                statistics=SessionStatistics(),
            ),
        ]

    def take(self, entry: AudioEntry | UpdateEntry | EndEntry) -> list[SessionEvent]:
        if isinstance(entry, UpdateEntry):
            self.config = entry.update.apply(self.config)
            return [
                SessionUpdated(session_id=self.session_id, timestamp=_now(), config=entry.update)
            ]
        if isinstance(entry, EndEntry):
            ended = SessionEnded(
                session_id=self.session_id,
                timestamp=_now(),
                reason=entry.reason,
                statistics=SessionStatistics(
                    chunks=self.chunks, audio_s=self.end_sample / SAMPLE_RATE
                ),
            )
            return [*(self.result(final=True) if self.words else []), ended]
        self.chunks += 1
        chunk = entry.chunk
        self.end_sample = chunk.end
        if not chunk.pcm:
            return []
        value = int.from_bytes(chunk.pcm[:2], "little", signed=True)
        self.words.append(
            Word(f"w{value}", chunk.start / SAMPLE_RATE, chunk.end / SAMPLE_RATE, 0.9, True)
        )
        return self.result(final=len(self.words) == CHUNKS_A_SEGMENT)

    def result(self, *, final: bool) -> list[SessionEvent]:
        words = tuple(self.words)
        text = " ".join(word.word for word in words)
        segment_id = f"seg-{self.segment}"
        events: list[SessionEvent] = [
            TranscriptionResult(
                session_id=self.session_id,
                timestamp=_now(),
                segment_id=segment_id,
                text=text,
                language="en",
                confidence=0.9,
                start=words[0].start,
                end=words[-1].end,
                is_final=final,
                words=words,
            )
        ]
        events += [
            TranslationResult(
                session_id=self.session_id,
                timestamp=_now(),
                segment_id=segment_id,
                translated_text=f"{target}:{text}",
                source_language="en",
                target_language=target,
                confidence=None,
                is_final=final,
                engine="scripted",
            )
            for target in self.config.target_languages
        ]
        if final:
            self.segment += 1
            self.words = []
        return events


def _now() -> datetime:
    return datetime.now(UTC)


def chunk(value: int, samples: int = 1600) -> bytes:
    """Return 0.1 s of constant samples; the scripted worker writes ``w<value>`` for it."""
    return value.to_bytes(2, "little", signed=True) * samples


class Client:
    """A WebSocket client that remembers everything it was told."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.seen: list[dict] = []

    async def send(self, **message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self) -> dict:
        async with asyncio.timeout(5):
            message = json.loads(await self.socket.recv())
        self.seen.append(message)
        return message

    async def until(self, kind: str, **fields: object) -> dict:
        """Return the next message of a kind (``type`` or ``event``) with these fields."""
        while True:
            message = await self.receive()
            name = message.get("type", message.get("event"))
            if name == kind and all(message.get(key) == value for key, value in fields.items()):
                return message

    async def closed(self) -> int:
        """Read to the end and return the close code."""
        try:
            while True:
                await self.receive()
        except websockets.ConnectionClosed as error:
            assert error.rcvd is not None
            return error.rcvd.code

    async def start(self, session_id: str, **config: object) -> dict:
        await self.send(type="start_session", session_id=session_id, config=config)
        return await self.until("session_started")

    def texts(self, session_id: str) -> list[str]:
        """Return the final texts of a session, in order, each once."""
        finals = {
            one["event_id"]: one["text"]
            for one in self.seen
            if one.get("type", one.get("event")) == "transcription_result"
            and one["is_final"]
            and one["session_id"] == session_id
        }
        return [finals[key] for key in sorted(finals)]
