"""One session on its way from orchestration's log to a whisper instance, and its events back.

What the instance confirms is safe there; after a lost connection only the rest is sent again. The
local log keeps a session's audio until its text is final, 60 seconds at most. If the instance has
lost the session (it was restarted), the session is opened there anew and what is not final is
recognised again: a new **generation**, whose times and segment ids are set off against the ones
before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
import structlog

from livetranslate.domain.audio import SAMPLE_RATE, AudioChunk, Encoding, seconds
from livetranslate.domain.errors import BackendUnavailable, ClaimLost, LiveTranslateError, NotFound
from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionEvent,
    SessionStarted,
    SpeakerUpdate,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionStatistics
from livetranslate.domain.speakers import SpeakerEvidence
from livetranslate.sessions.log.base import (
    AudioEntry,
    Checkpoint,
    Claim,
    EvidenceEntry,
    LogEntry,
    SessionLog,
    UpdateEntry,
)

KEPT_SAMPLES = 60 * SAMPLE_RATE
"""Audio without final text that is kept for a new generation."""
REMOTE_BACKLOG_S = 60.0
"""Backlog at the instance from which sending pauses, so that the local log holds feeders back."""
PAUSE_S = 0.5
TOUCH_S = 1.0

_log = structlog.get_logger(__name__)


class Instance(Protocol):
    """The connection to a whisper instance."""

    @property
    def instance_id(self) -> str:
        """Which one it is."""
        ...

    async def call(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        """Return its answer to an event; raises BackendUnavailable when it may be asked again."""
        ...

    def subscribe(self, session_id: str) -> asyncio.Queue[SessionEvent]:
        """Return a new queue for what it tells about a session."""
        ...

    def unsubscribe(self, session_id: str) -> None:
        """Forget a session's queue."""
        ...


InstanceFor = Callable[[Any], Awaitable[Instance]]
"""Gives the instance of a session, told the one where it was (None at first)."""


class Generation(msgspec.Struct, frozen=True):
    """One opening of the session at an instance; the state of the checkpoint.

    Attributes:
        number: From 0.
        first_seq: Local number of the chunk that is its chunk 0.
        first_sample: Local sample at which its time begins.
    """

    number: int = 0
    first_seq: int = 0
    first_sample: int = 0


class _Sent(msgspec.Struct, frozen=True):
    """Audio at the instance whose text is not final."""

    position: int
    chunk: AudioChunk


class ForwardedSession:
    """One session's forwarding, under its claim."""

    def __init__(self, instance_for: InstanceFor, log: SessionLog, claim: Claim) -> None:
        self.session_id = claim.session_id
        self._instance_for = instance_for
        self._instance: Instance
        self._at: Instance | None = None
        self._source = log
        self._claim = claim
        self._config = claim.config
        self._generation = Generation()
        self._kept = -1
        if claim.checkpoint is not None:
            self._kept = claim.checkpoint.position
            self._generation = msgspec.msgpack.decode(claim.checkpoint.state, type=Generation)
            self._next_generation(self._generation.first_seq, self._generation.first_sample)
        self._sent: deque[_Sent] = deque()
        self._next_chunk = self._generation.first_seq
        self._next_sample = self._generation.first_sample
        self._confirmed = self._kept
        self._remote_event = 0
        self._opened = False
        self._ending = False
        self._end_reason: EndReason | None = None
        self._done = False

    async def run(self) -> None:
        """Forward until the session's end is written; raises ClaimLost, NotFound."""
        while not self._done:
            await self._choose()
            remote_id = self._remote_id
            events = self._instance.subscribe(remote_id)
            parts = [
                asyncio.create_task(self._send()),
                asyncio.create_task(self._take(events)),
                asyncio.create_task(self._touch()),
            ]
            try:
                done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
                for part in done:
                    part.result()
            except BackendUnavailable as error:
                _log.info("forwarding_again", session_id=self.session_id, reason=error.message)
                await asyncio.sleep(PAUSE_S)
            except (ClaimLost, NotFound):
                raise
            except LiveTranslateError as error:
                await self._fail(error)
            finally:
                for part in parts:
                    part.cancel()
                await asyncio.gather(*parts, return_exceptions=True)
                self._instance.unsubscribe(remote_id)

    async def _choose(self) -> None:
        """Stay at the instance, or begin a generation at another one."""
        touching = asyncio.create_task(self._touch())
        choosing = asyncio.ensure_future(self._instance_for(self._at))
        try:
            await asyncio.wait({touching, choosing}, return_when=asyncio.FIRST_COMPLETED)
            if touching.done():
                touching.result()
            chosen = choosing.result()
        finally:
            touching.cancel()
            choosing.cancel()
            await asyncio.gather(touching, choosing, return_exceptions=True)
        if self._at is not None and chosen is not self._at:
            _log.info("session_moves", session_id=self.session_id, to=chosen.instance_id)
            if self._opened:
                self._start_over()
        self._instance = self._at = chosen

    @property
    def _remote_id(self) -> str:
        number = self._generation.number
        return self.session_id if number == 0 else f"{self.session_id}.{number}"

    async def _send(self) -> None:
        """Open or resume the session at the instance and send what it has not confirmed."""
        position = self._kept
        first_missing = self._generation.first_seq + await self._open()
        while not self._ending:
            entries = await self._source.read_entries(self.session_id, position, wait_s=5.0)
            if not entries and (await self._source.state(self.session_id)).ended:
                break
            for entry in entries:
                position = entry.position
                if not (isinstance(entry, AudioEntry) and entry.chunk.seq < first_missing):
                    await self._send_entry(entry)
        await asyncio.Event().wait()

    async def _open(self) -> int:
        """Return the chunk that the instance expects next."""
        config = msgspec.structs.replace(
            self._config, encoding=Encoding.PCM_S16LE, sample_rate=SAMPLE_RATE
        )
        joined = await self._instance.call(
            "join_session",
            {
                "session_id": self._remote_id,
                "config": msgspec.to_builtins(config),
                "resume": True,
                "last_event_id": self._remote_event,
            },
        )
        if joined.get("ending") is not None:
            if self._end_reason is None:
                self._start_over()
                raise BackendUnavailable("the instance ended the session by itself")
            self._ending = True
        next_seq = int(joined["next_seq"])
        sent = self._next_chunk - self._generation.first_seq
        if self._opened and next_seq < sent:
            self._start_over()
            raise BackendUnavailable("the instance lost the session")
        self._opened = True
        return next_seq

    async def _send_entry(self, entry: LogEntry) -> None:
        named: dict[str, Any] = {"session_id": self._remote_id}
        if isinstance(entry, AudioEntry):
            await self._send_audio(entry, named)
        elif isinstance(entry, UpdateEntry):
            self._config = entry.update.apply(self._config)
            await self._instance.call("update_session", named | {"config": _plain(entry.update)})
        elif isinstance(entry, EvidenceEntry):
            evidence = _shifted(entry.evidence, -seconds(self._generation.first_sample))
            await self._instance.call("speaker_evidence", named | {"evidence": evidence})
        else:
            self._end_reason = entry.reason
            await self._instance.call("end_session", named)
            self._ending = True

    async def _send_audio(self, entry: AudioEntry, named: dict[str, Any]) -> None:
        message = named | {
            "seq": entry.chunk.seq - self._generation.first_seq,
            "audio_data": entry.chunk.pcm,
            "timestamp": seconds(entry.chunk.start),
        }
        answer = await self._instance.call("transcribe_stream", message)
        self._sent.append(_Sent(entry.position, entry.chunk))
        self._confirmed = entry.position
        self._next_chunk, self._next_sample = entry.chunk.seq + 1, entry.chunk.end
        while self._sent[-1].chunk.end - self._sent[0].chunk.start > KEPT_SAMPLES:
            self._forget_first()
        await self._write([])
        if float(answer.get("buffered_s", 0.0)) > REMOTE_BACKLOG_S:
            await asyncio.sleep(PAUSE_S)

    async def _take(self, events: asyncio.Queue[SessionEvent]) -> None:
        """Write what the instance tells to the local log, each event once."""
        while True:
            event = await events.get()
            if event.event_id <= self._remote_event:
                continue
            self._remote_event = event.event_id
            if isinstance(event, SessionEnded):
                if self._end_reason is None and event.reason is not EndReason.FAILED:
                    self._start_over()
                    raise BackendUnavailable("the instance ended the session by itself")
                reason = self._end_reason or event.reason
                await self._write([msgspec.structs.replace(self._ours(event), reason=reason)])
                self._done = True
                return
            if isinstance(event, TranscriptionResult) and event.is_final:
                final = self._generation.first_sample + int(event.end * SAMPLE_RATE)
                while self._sent and self._sent[0].chunk.end <= final:
                    self._forget_first()
            await self._write([self._ours(event)])

    async def _touch(self) -> None:
        while True:
            await self._source.touch(self._claim)
            await asyncio.sleep(TOUCH_S)

    def _forget_first(self) -> None:
        first = self._sent.popleft()
        self._kept = first.position

    def _start_over(self) -> None:
        """Begin a generation with the audio whose text is not final."""
        if self._sent:
            first = self._sent[0].chunk
            self._next_generation(first.seq, first.start)
        else:
            self._next_generation(self._next_chunk, self._next_sample)
        self._sent.clear()
        self._remote_event = 0
        self._opened = self._ending = False

    def _next_generation(self, first_seq: int, first_sample: int) -> None:
        self._generation = Generation(self._generation.number + 1, first_seq, first_sample)

    def _ours(self, event: SessionEvent) -> SessionEvent:
        """Return an event of the instance as one of the local session, not numbered yet."""
        offset = seconds(self._generation.first_sample)
        changes: dict[str, Any] = {"session_id": self.session_id, "event_id": 0}
        if isinstance(event, SessionStarted):
            changes["config"] = msgspec.structs.replace(event.config, config=self._config)
        if isinstance(event, TranscriptionResult):
            changes["start"], changes["end"] = event.start + offset, event.end + offset
            changes["words"] = tuple(
                msgspec.structs.replace(word, start=word.start + offset, end=word.end + offset)
                for word in event.words
            )
        if isinstance(event, TranscriptionResult | TranslationResult):
            changes["segment_id"] = self._segment(event.segment_id)
        if isinstance(event, SpeakerUpdate):
            changes["segment_ids"] = tuple(self._segment(one) for one in event.segment_ids)
        return msgspec.structs.replace(event, **changes)

    def _segment(self, segment_id: str) -> str:
        number = self._generation.number
        return segment_id if number == 0 else f"{segment_id}.{number}"

    async def _write(self, events: list[SessionEvent]) -> None:
        kept = self._sent[0].chunk if self._sent else None
        first = (kept.seq, kept.start) if kept else (self._next_chunk, self._next_sample)
        generation = Generation(self._generation.number, *first)
        checkpoint = Checkpoint(self._kept, msgspec.msgpack.encode(generation))
        await self._source.append_events(
            self._claim, events, checkpoint=checkpoint, processed=max(self._confirmed, self._kept)
        )

    async def _fail(self, error: LiveTranslateError) -> None:
        now = datetime.now(UTC)
        told = SessionError(
            session_id=self.session_id,
            timestamp=now,
            code=error.code,
            message=error.message,
            field=error.field,
            fatal=True,
        )
        ended = SessionEnded(
            session_id=self.session_id,
            timestamp=now,
            reason=EndReason.FAILED,
            statistics=SessionStatistics(),
        )
        await self._write([told, ended])
        self._done = True


def _shifted(evidence: SpeakerEvidence, by_s: float) -> dict[str, Any]:
    """Return evidence with its times in those of the instance's session."""
    plain: dict[str, Any] = msgspec.to_builtins(evidence)
    for end in ("start", "end"):
        if end in plain:
            plain[end] = max(0.0, plain[end] + by_s)
    return plain


def _plain(update: ConfigUpdate) -> dict[str, Any]:
    return msgspec.to_builtins(update)
