"""Translation in a session host: never holds recognition up and forgets no final segment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import monotonic
from typing import Protocol

import structlog

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.domain.events import TranscriptionResult, TranslationResult
from livetranslate.domain.session import SessionConfig
from livetranslate.translation.base import Translator
from livetranslate.translation.segments import SegmentTranslator

_log = structlog.get_logger(__name__)

Emit = Callable[[TranslationResult], Awaitable[None]]

MAX_PENDING = 256
"""Final segments that may wait for translation; the oldest is given up beyond (drop oldest)."""


class SessionTranslation(Protocol):
    """Translation of one session's segments."""

    def update(self, result: TranscriptionResult) -> None:
        """Take a segment's newest state; never blocks."""
        ...

    def configure(self, config: SessionConfig) -> None:
        """Apply changed targets, context and glossary to what follows."""
        ...

    def pending(self) -> tuple[TranscriptionResult, ...]:
        """Return the final segments whose translations are not emitted yet."""
        ...

    async def flush(self) -> None:
        """Return when every final segment is translated or has failed."""
        ...

    async def close(self) -> None:
        """Stop."""
        ...


TranslationFactory = Callable[[str, SessionConfig, Emit], SessionTranslation]
"""Makes the translation of a session: its id, its configuration, where results go."""


class _Awaited:
    """A final segment and the languages it still waits for."""

    def __init__(self, result: TranscriptionResult, languages: set[str]) -> None:
        self.result = result
        self.languages = languages


class HostTranslation:
    """SessionTranslation over a SegmentTranslator: a bounded queue and a task that works it off.

    Args:
        translator: Shared by the worker's sessions; stays open.
        session_id: The session.
        config: Its configuration.
        emit: Where results go.
        now: UTC time.
    """

    def __init__(
        self,
        translator: Translator,
        session_id: str,
        config: SessionConfig,
        emit: Emit,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._session_id = session_id
        self._emit = emit
        self._now = now
        self._targets = config.target_languages
        self._segments = SegmentTranslator(
            translator,
            session_id,
            self._deliver,
            now=now,
            clock=monotonic,
            target_languages=config.target_languages,
            context=config.context or "",
            glossary=config.glossary,
        )
        self._queue: deque[TranscriptionResult] = deque()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._awaited: dict[str, _Awaited] = {}
        self._pump = asyncio.create_task(self._run(), name=f"translation of {session_id}")

    def update(self, result: TranscriptionResult) -> None:
        """See SessionTranslation."""
        if not self._targets or not result.text:
            return
        if self._queue and _same_preview(self._queue[-1], result):
            self._queue.pop()
        if result.is_final:
            self._awaited[result.segment_id] = _Awaited(result, set(self._targets))
        self._queue.append(result)
        self._idle.clear()
        self._filled.set()

    def configure(self, config: SessionConfig) -> None:
        """See SessionTranslation."""
        self._targets = config.target_languages
        self._segments.configure(
            target_languages=config.target_languages,
            context=config.context or "",
            glossary=config.glossary,
        )

    def pending(self) -> tuple[TranscriptionResult, ...]:
        """See SessionTranslation."""
        return tuple(awaited.result for awaited in self._awaited.values())

    async def flush(self) -> None:
        """See SessionTranslation."""
        await self._idle.wait()
        await self._segments.flush()

    async def close(self) -> None:
        """See SessionTranslation."""
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        await self._segments.close()

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            while self._queue:
                await self._drop_oldest()
                result = self._queue.popleft()
                try:
                    await self._segments.update(result)
                except LiveTranslateError as error:
                    _log.warning(
                        "translation stopped", session_id=self._session_id, reason=error.message
                    )
                    self._queue.clear()
            self._filled.clear()
            self._idle.set()

    async def _drop_oldest(self) -> None:
        finals = [result for result in self._queue if result.is_final]
        for result in finals[: max(len(finals) - MAX_PENDING, 0)]:
            self._queue.remove(result)
            for language in self._targets:
                await self._deliver(self._given_up(result, language))

    async def _deliver(self, result: TranslationResult) -> None:
        awaited = self._awaited.get(result.segment_id)
        if result.is_final and awaited is not None:
            awaited.languages.discard(result.target_language)
            if not awaited.languages:
                del self._awaited[result.segment_id]
        await self._emit(result)

    def _given_up(self, result: TranscriptionResult, language: str) -> TranslationResult:
        return TranslationResult(
            session_id=self._session_id,
            timestamp=self._now(),
            segment_id=result.segment_id,
            translated_text="",
            source_language=result.language,
            target_language=language,
            confidence=None,
            is_final=True,
            engine=None,
            error="translation is too far behind; this segment was left out",
        )


def _same_preview(queued: TranscriptionResult, newer: TranscriptionResult) -> bool:
    """Return whether a queued preview is worthless now."""
    return not queued.is_final and queued.segment_id == newer.segment_id
