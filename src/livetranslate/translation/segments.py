"""Translation of a session's segments as they come: finals all and in order, previews lightly."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import structlog

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.domain.events import TranscriptionResult, TranslationResult
from livetranslate.translation.base import Translation, TranslationRequest, Translator
from livetranslate.translation.options import AUTO
from livetranslate.translation.segment_queue import SegmentJob, SegmentOptions, SegmentQueue

_log = structlog.get_logger(__name__)

Emit = Callable[[TranslationResult], Awaitable[None]]


class SegmentTranslator:
    """Translates one session's segments into its target languages, each on a lane of its own.

    A language that is slow or fails holds up no other. A preview never comes after the final of its
    segment, and only where its translation has changed. A failure is a result with ``error``
    (for final segments; a failed preview is left out).

    Args:
        translator: Where texts are translated; stays open.
        session_id: Session that the results belong to.
        emit: Takes each result; if it raises, the next ``update`` or ``flush`` raises the same.
        now: UTC time for the results' timestamps.
        clock: Steady seconds for the distance between previews.
        target_languages: Languages to translate into.
        context: What the session is about.
        glossary: Source term → target term.
        options: Bounds.
    """

    def __init__(
        self,
        translator: Translator,
        session_id: str,
        emit: Emit,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        target_languages: tuple[str, ...] = (),
        context: str = "",
        glossary: Mapping[str, str] | None = None,
        options: SegmentOptions | None = None,
    ) -> None:
        self._translator = translator
        self._session_id = session_id
        self._emit = emit
        self._now = now
        self._clock = clock
        self._options = options or SegmentOptions()
        self._history: deque[str] = deque(maxlen=max(1, self._options.context_segments))
        self._lanes: dict[str, _Lane] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._targets = target_languages
        self._context = context
        self._glossary = dict(glossary or {})

    def configure(
        self,
        *,
        target_languages: tuple[str, ...] | None = None,
        context: str | None = None,
        glossary: Mapping[str, str] | None = None,
    ) -> None:
        """Change what is given, for the segments that follow.

        Final segments that wait for a language that is dropped are still translated.
        """
        if context is not None:
            self._context = context
        if glossary is not None:
            self._glossary = dict(glossary)
        if target_languages is not None:
            self._targets = target_languages
            for language in [name for name in self._lanes if name not in target_languages]:
                self._leaving.add(self._lanes.pop(language).leave())

    async def update(self, segment: TranscriptionResult) -> None:
        """Take the newest state of a segment.

        Returns at once, unless so many final segments wait for a language that the queue is full.
        """
        self._check()
        job = SegmentJob(segment, self._context_now(), self._glossary)
        for language in dict.fromkeys(self._targets):
            if language not in self._lanes:
                self._lanes[language] = _Lane(self, language)
            await self._lanes[language].put(job)
        if segment.is_final and segment.text.strip():
            self._history.append(segment.text.strip())

    async def flush(self) -> None:
        """Return once every final segment taken so far is translated and emitted."""
        await asyncio.gather(*(lane.drained() for lane in self._lanes.values()))
        await asyncio.gather(*self._leaving, return_exceptions=True)
        self._leaving.clear()
        self._check()

    async def close(self) -> None:
        """Stop; what waits is dropped, what is being translated ends first."""
        self._leaving |= {lane.leave(drop=True) for lane in self._lanes.values()}
        self._lanes.clear()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        self._leaving.clear()

    async def translate(self, job: SegmentJob, language: str) -> TranslationResult:
        """Return a segment's translation into one language; a failure is told in the result."""
        request = TranslationRequest(
            texts=(job.segment.text,),
            source_language=job.segment.language or AUTO,
            target_language=language,
            context=job.context,
            glossary=job.glossary,
        )
        try:
            [translation] = await self._translator.translate(request)
        except LiveTranslateError as error:
            return self._result(job.segment, language, None, error.message)
        except Exception:  # noqa: BLE001 - no fault of a translator may stop a session's captions
            _log.exception("translation_crashed", session_id=self._session_id, language=language)
            return self._result(job.segment, language, None, "the translation failed")
        return self._result(job.segment, language, translation, None)

    async def deliver(self, result: TranslationResult) -> None:
        """Emit a result."""
        await self._emit(result)

    def fail(self, error: BaseException) -> None:
        """Note that results can no longer be emitted."""
        self._failure = self._failure or error

    @property
    def options(self) -> SegmentOptions:
        """Bounds."""
        return self._options

    @property
    def clock(self) -> Callable[[], float]:
        """Steady seconds."""
        return self._clock

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _context_now(self) -> str:
        said = " ".join(self._history)[-self._options.context_chars :]
        about = f"{self._context.strip()}\n" if self._context.strip() else ""
        return about + said

    def _result(
        self,
        segment: TranscriptionResult,
        language: str,
        translation: Translation | None,
        error: str | None,
    ) -> TranslationResult:
        return TranslationResult(
            session_id=self._session_id,
            timestamp=self._now(),
            segment_id=segment.segment_id,
            translated_text=translation.translated_text if translation else "",
            source_language=translation.source_language if translation else segment.language,
            target_language=language,
            confidence=translation.confidence if translation else None,
            is_final=segment.is_final,
            engine=translation.engine if translation else None,
            speaker_id=segment.speaker_id,
            speaker_name=segment.speaker_name,
            error=error,
        )


class _Lane:
    """One target language: a queue and the task that works it off."""

    def __init__(self, owner: SegmentTranslator, language: str) -> None:
        self._owner = owner
        self._language = language
        self._queue = SegmentQueue(owner.options)
        self._changed = asyncio.Condition()
        self._busy_with_final = False
        self._leaving = False
        self._shown: dict[str, str] = {}
        self._task = asyncio.create_task(self._run())

    async def put(self, job: SegmentJob) -> None:
        """Queue a segment, once there is room for it."""
        async with self._changed:
            if job.segment.is_final:
                await self._changed.wait_for(lambda: not self._queue.is_full or self._task.done())
            self._queue.put(job)
            self._changed.notify_all()

    async def drained(self) -> None:
        """Return once no final segment waits or is being translated."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._task.done() or not (self._queue.finals or self._busy_with_final)
            )

    def leave(self, *, drop: bool = False) -> asyncio.Task[None]:
        """Take nothing more; return the task that ends when the rest is done or dropped."""
        self._leaving = True
        self._queue.drop_previews()
        if drop:
            self._queue = SegmentQueue(self._owner.options)

        async def end() -> None:
            async with self._changed:
                self._changed.notify_all()
            await self._task

        return asyncio.create_task(end())

    async def _run(self) -> None:
        try:
            while (job := await self._next()) is not None:
                await self._work(job)
        except Exception as error:  # noqa: BLE001 - whatever emit raised belongs to the feeder
            self._owner.fail(error)
        finally:
            async with self._changed:
                self._changed.notify_all()

    async def _next(self) -> SegmentJob | None:
        async with self._changed:
            while True:
                now = self._owner.clock()
                job = self._queue.take(now)
                if job is not None:
                    self._busy_with_final = job.segment.is_final
                    return job
                if self._leaving:
                    return None
                try:
                    async with asyncio.timeout(self._queue.wait_s(now)):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    async def _work(self, job: SegmentJob) -> None:
        result = await self._owner.translate(job, self._language)
        name = job.segment.segment_id
        if job.segment.is_final:
            self._shown.pop(name, None)
            await self._owner.deliver(result)
        elif not (
            result.error
            or self._queue.is_stale(job)
            or self._shown.get(name) == result.translated_text
        ):
            self._shown[name] = result.translated_text
            await self._owner.deliver(result)
        async with self._changed:
            self._busy_with_final = False
            self._changed.notify_all()
