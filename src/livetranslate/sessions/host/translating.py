"""Translation in a session host: never holds recognition up and forgets no final segment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Protocol

import msgspec
import structlog

from livetranslate.domain.events import TranscriptionResult, TranslationResult
from livetranslate.domain.session import SessionConfig
from livetranslate.translation.base import Translator
from livetranslate.translation.segments import SegmentTranslator

_log = structlog.get_logger(__name__)

Emit = Callable[[TranslationResult], Awaitable[None]]

MAX_PENDING = 256
"""Final segments that may wait for translation; the oldest is given up beyond (drop oldest)."""


class Untranslated(msgspec.Struct, frozen=True):
    """A final segment whose translations are not all emitted.

    Attributes:
        result: The segment.
        languages: Languages that are missing.
    """

    result: TranscriptionResult
    languages: tuple[str, ...]


class SessionTranslation(Protocol):
    """Translation of one session's segments."""

    def update(self, result: TranscriptionResult) -> None:
        """Take a segment's newest state; never blocks."""
        ...

    def configure(self, config: SessionConfig) -> None:
        """Apply changed targets, context and glossary to what follows."""
        ...

    def pending(self) -> tuple[Untranslated, ...]:
        """Return the final segments whose translations are not all emitted, oldest first."""
        ...

    def resume(self, pending: Sequence[Untranslated]) -> None:
        """Take what another translation left; before anything else."""
        ...

    async def flush(self) -> None:
        """Return when every final segment is translated or has failed."""
        ...

    async def close(self) -> None:
        """Stop."""
        ...


TranslationFactory = Callable[[str, SessionConfig, Emit], SessionTranslation]
"""Makes the translation of a session: its id, its configuration, where results go."""


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
        self._queue: deque[TranscriptionResult | SessionConfig] = deque()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._awaited: dict[str, Untranslated] = {}
        self._pump = asyncio.create_task(self._run(), name=f"translation of {session_id}")

    def update(self, result: TranscriptionResult) -> None:
        """See SessionTranslation."""
        if not self._targets or not result.text:
            return
        if self._queue and _same_preview(self._queue[-1], result):
            self._queue.pop()
        if result.is_final:
            self._await(Untranslated(result, tuple(dict.fromkeys(self._targets))))
        self._put(result)

    def configure(self, config: SessionConfig) -> None:
        """See SessionTranslation."""
        self._targets = config.target_languages
        self._put(config)

    def pending(self) -> tuple[Untranslated, ...]:
        """See SessionTranslation."""
        return tuple(self._awaited.values())

    def resume(self, pending: Sequence[Untranslated]) -> None:
        """See SessionTranslation."""
        for left in pending:
            languages = tuple(name for name in left.languages if name in self._targets)
            if languages:
                self._await(Untranslated(left.result, languages))
                self._put(left.result)

    async def flush(self) -> None:
        """See SessionTranslation."""
        await self._idle.wait()
        await self._segments.flush()

    async def close(self) -> None:
        """See SessionTranslation."""
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        await self._segments.close()

    def _await(self, untranslated: Untranslated) -> None:
        self._awaited[untranslated.result.segment_id] = untranslated

    def _put(self, item: TranscriptionResult | SessionConfig) -> None:
        self._queue.append(item)
        self._idle.clear()
        self._filled.set()

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            try:
                while self._queue:
                    await self._drop_oldest()
                    await self._work(self._queue.popleft())
            except Exception as error:  # noqa: BLE001 - what was raised is that nothing can be told
                _log.warning("translation stopped", session_id=self._session_id, reason=str(error))
                self._queue.clear()
            self._filled.clear()
            self._idle.set()

    async def _work(self, item: TranscriptionResult | SessionConfig) -> None:
        if isinstance(item, TranscriptionResult):
            await self._segments.update(item)
        else:
            self._segments.configure(
                target_languages=item.target_languages,
                context=item.context or "",
                glossary=item.glossary,
            )

    async def _drop_oldest(self) -> None:
        finals = [
            item for item in self._queue if isinstance(item, TranscriptionResult) and item.is_final
        ]
        for result in finals[: max(len(finals) - MAX_PENDING, 0)]:
            self._queue.remove(result)
            for language in self._awaited[result.segment_id].languages:
                await self._deliver(self._given_up(result, language))

    async def _deliver(self, result: TranslationResult) -> None:
        """Emit a result, unless it is a final one that was emitted before."""
        name, language = result.segment_id, result.target_language
        if result.is_final:
            awaited = self._awaited.get(name)
            if awaited is None or language not in awaited.languages:
                return
            missing = tuple(other for other in awaited.languages if other != language)
            if missing:
                self._awaited[name] = Untranslated(awaited.result, missing)
            else:
                del self._awaited[name]
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


def _same_preview(queued: TranscriptionResult | SessionConfig, newer: TranscriptionResult) -> bool:
    """Return whether a queued preview is worthless now."""
    return (
        isinstance(queued, TranscriptionResult)
        and not queued.is_final
        and queued.segment_id == newer.segment_id
    )
