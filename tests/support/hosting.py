"""Session hosts over the log in memory: fed, killed, taken over and listened to in tests."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

from livetranslate.asr.choice import Candidate
from livetranslate.asr.engine import SpeechEngine
from livetranslate.asr.manager import ManagerOptions, ModelManager
from livetranslate.asr.streaming import StreamingOptions
from livetranslate.domain.errors import BackendUnavailable, LiveTranslateError
from livetranslate.domain.events import (
    SessionEnded,
    SessionEvent,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.sessions.host.host import SessionHost
from livetranslate.sessions.host.translating import Emit, HostTranslation, SessionTranslation
from livetranslate.sessions.log.base import Checkpoint, Claim, LogEntry, LogOptions, SessionLog
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.speakers.light.embedding import LightEmbedding
from livetranslate.translation.base import Translation, TranslationRequest
from support.clock import EPOCH
from support.told_speech import ToldSession

CHUNK = 1_600


class OneEngine:
    """A loader that has one engine under the name of an installed model."""

    on_gpu = False

    def __init__(self, engine: SpeechEngine) -> None:
        self._engine = engine

    def installed(self) -> list[str]:
        return ["base"]

    def load(self, candidate: Candidate) -> SpeechEngine:
        return self._engine


class UpperCase:
    """A translator into upper case, with the language in front; glossary terms are replaced.

    Attributes:
        requests: What was asked, in order.
        failing: Languages that fail.
        held: Languages that wait until they are let go.
    """

    def __init__(self) -> None:
        self.requests: list[TranslationRequest] = []
        self.failing: set[str] = set()
        self.held: dict[str, asyncio.Event] = {}

    async def translate(self, request: TranslationRequest) -> list[Translation]:
        self.requests.append(request)
        if request.target_language in self.failing:
            raise BackendUnavailable(f"{request.target_language} is down")
        if request.target_language in self.held:
            await self.held[request.target_language].wait()
        return [
            Translation(
                translated_text=f"{request.target_language}: {self._say(text, request)}",
                source_language=request.source_language,
                target_language=request.target_language,
                confidence=None,
                engine="upper",
                cached=False,
                processing_time=0.0,
            )
            for text in request.texts
        ]

    def _say(self, text: str, request: TranslationRequest) -> str:
        for term, wanted in request.glossary.items():
            text = text.replace(term, wanted)
        return text.upper()

    async def close(self) -> None:
        pass


class HostLog:
    """The log as one host sees it: a host can be killed at any of its writes.

    Attributes:
        shared: The log itself.
        dead: Whether the host is cut off.
        writes: Writes so far.
    """

    def __init__(
        self,
        shared: MemorySessionLog,
        *,
        die_at: int | None = None,
        written: bool = False,
        one_by_one: bool = False,
    ) -> None:
        """Set the scene.

        Args:
            shared: The log itself.
            die_at: Write at which the host dies.
            written: Whether that write still arrives.
            one_by_one: Whether entries are handed out one at a time.
        """
        self.shared = shared
        self.dead = asyncio.Event()
        self.writes = 0
        self._die_at = die_at
        self._written = written
        self._limit = 1 if one_by_one else None

    async def append_events(
        self,
        claim: Claim,
        events: list[SessionEvent],
        *,
        checkpoint: Checkpoint | None = None,
        processed: int | None = None,
    ) -> int:
        self._check()
        dying = self.writes == self._die_at
        self.writes += 1
        last = 0
        if not dying or self._written:
            last = await self.shared.append_events(
                claim, events, checkpoint=checkpoint, processed=processed
            )
        if dying:
            self.dead.set()
        self._check()
        return last

    async def read_entries(
        self, session_id: str, after: int, *, wait_s: float = 0.0, limit: int = 256
    ) -> list[LogEntry]:
        self._check()
        return await self.shared.read_entries(
            session_id, after, wait_s=wait_s, limit=self._limit or limit
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.shared, name)

    def _check(self) -> None:
        if self.dead.is_set():
            raise BackendUnavailable("this host is dead")


class Stage:
    """A log, an engine, a translator, and what happens on them."""

    def __init__(self, engine: SpeechEngine, *, loader: Any = None, **options: Any) -> None:
        self.log = MemorySessionLog(LogOptions(claim_ttl_s=1e6, max_backlog_s=600.0))
        self.models = ModelManager(loader or OneEngine(engine), ManagerOptions())
        self.translator = UpperCase()
        self.options = StreamingOptions(**options)
        self._names = itertools.count(1)

    def translation(self, session_id: str, config: SessionConfig, emit: Emit) -> SessionTranslation:
        return HostTranslation(self.translator, session_id, config, emit, now=lambda: EPOCH)

    async def open(self, session_id: str = "s1", **config: Any) -> None:
        await self.log.create(session_id, SessionConfig(**{"language": "en", **config}))

    async def host(self, log: SessionLog | HostLog | None = None) -> SessionHost:
        """A host of the session that waits for one."""
        claim = await self.log.claim(f"w{next(self._names)}")
        assert claim is not None
        return SessionHost(
            claim,
            log or self.log,
            self.models,
            self.translation,
            options=self.options,
            now=lambda: EPOCH,
            voices=LightEmbedding(),
        )

    async def feed(self, session: ToldSession, session_id: str = "s1", *, since_s: float = 0.0):
        """Append the audio of a session from a time on, in chunks of 100 ms."""
        state = await self.log.state(session_id)
        pcm = session.pcm[int(since_s * 16_000) :]
        for number, start in enumerate(range(0, len(pcm), CHUNK)):
            chunk = pcm[start : start + CHUNK].tobytes()
            await self.log.append_audio(session_id, state.next_seq + number, chunk)

    async def end(self, session_id: str = "s1") -> None:
        await self.log.append_end(session_id, EndReason.CLIENT_ENDED)

    async def killed(self, log: HostLog) -> bool:
        """Run a host until it has ended or is dead; return whether it died.

        A dead host leaves nothing behind; its claim is free, as by a broken link.
        """
        host = await self.host(log)
        running = asyncio.create_task(host.run())
        death = asyncio.create_task(log.dead.wait())
        await asyncio.wait({running, death}, return_when=asyncio.FIRST_COMPLETED)
        log.dead.set()
        ended = running.done() and running.exception() is None
        running.cancel()
        death.cancel()
        await asyncio.gather(running, death, return_exceptions=True)
        await self.log.release(host.claim)
        return not ended

    async def events(self, session_id: str = "s1") -> list[SessionEvent]:
        """What the log holds of the session's events."""
        return await self.log.read_events(session_id, 0, limit=100_000)

    async def close(self) -> None:
        await self.models.close()


class Listener:
    """Reads every event of a session, previews that are superseded later included."""

    def __init__(self, log: SessionLog, session_id: str = "s1") -> None:
        self.events: list[SessionEvent] = []
        self._task = asyncio.create_task(self._listen(log, session_id))

    async def _listen(self, log: SessionLog, session_id: str) -> None:
        while not self.events or not isinstance(self.events[-1], SessionEnded):
            after = self.events[-1].event_id if self.events else 0
            self.events += await log.read_events(session_id, after, wait_s=60)

    async def all(self) -> list[SessionEvent]:
        try:
            await asyncio.wait_for(self._task, 60)
        except LiveTranslateError:
            pass
        return self.events


def results(events: Sequence[SessionEvent]) -> list[TranscriptionResult]:
    return [event for event in events if isinstance(event, TranscriptionResult)]


def finals(events: Sequence[SessionEvent]) -> list[TranscriptionResult]:
    return [event for event in results(events) if event.is_final]


def said(events: Sequence[SessionEvent]) -> list[str]:
    return [word.word for event in finals(events) for word in event.words]


def translations(events: Sequence[SessionEvent]) -> list[tuple[str, str, str]]:
    """Segment, language and text of each final translation."""
    return [
        (event.segment_id, event.target_language, event.translated_text)
        for event in events
        if isinstance(event, TranslationResult) and event.is_final
    ]
