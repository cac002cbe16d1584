"""Translation on this machine: detection, cache, glossary, long texts, choice of engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from livetranslate.domain.errors import InvalidInput
from livetranslate.translation.base import Translation, TranslationRequest
from livetranslate.translation.cache import CacheKey, TranslationCache
from livetranslate.translation.detect import Detection, LanguageDetector
from livetranslate.translation.engines.base import (
    EngineOutput,
    EngineStatus,
    TranslationEngine,
)
from livetranslate.translation.languages import base_language, normalize
from livetranslate.translation.options import AUTO, TranslationOptions
from livetranslate.translation.registry import create_engines
from livetranslate.translation.router import Router
from livetranslate.translation.sentences import split_text

NO_ENGINE = "none"
"""What results name as their engine where there was nothing to translate."""


class LocalTranslator:
    """Translates with the engines of this machine.

    Args:
        options: Which engines, and how.
        create: Makes the engines of some options, in the order of ``auto``.
        clock: Steady seconds, for processing times and for leaving failed engines alone.
    """

    def __init__(
        self,
        options: TranslationOptions,
        *,
        create: Callable[[TranslationOptions], Sequence[TranslationEngine]] = create_engines,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._create = create
        self._clock = clock
        self._detector = LanguageDetector()
        self._calls: dict[Router, int] = {}
        self._install(options)

    async def translate(self, request: TranslationRequest) -> list[Translation]:
        """Return one translation a text, in order; see ``Translator``."""
        started = self._clock()
        router = self._router
        self._calls[router] = self._calls.get(router, 0) + 1
        try:
            sources = await self._sources(request, router)
            done = await self._translate_all(request, sources, router)
        finally:
            self._calls[router] = self._calls.get(router, 1) - 1
            await self._retire(router)
        elapsed = self._clock() - started
        return [
            msgspec.structs.replace(result, processing_time=round(elapsed, 4)) for result in done
        ]

    async def detect(
        self, text: str, *, among: Sequence[str] | None = None, context: str = ""
    ) -> Detection:
        """Return the language of a text."""
        return await self._detector.detect(text, among=among, context=context)

    async def engines(self) -> list[EngineStatus]:
        """Return what each engine can do on this machine, the preferred first."""
        return [await engine.status() for engine in self._router.engines]

    async def reload(self, options: TranslationOptions) -> None:
        """Go over to new options; translations under way finish with the old engines."""
        old = self._router
        self._install(options)
        self._calls.setdefault(old, 0)
        await self._retire(old)

    async def close(self) -> None:
        """Free engines and connections."""
        for router in {self._router, *self._calls}:
            await router.close()
        self._calls.clear()

    def _install(self, options: TranslationOptions) -> None:
        self._router = Router(self._create(options), options, self._clock)
        self._cache = TranslationCache(options.cache_entries)

    async def _retire(self, router: Router) -> None:
        if self._calls.get(router) == 0 and router is not self._router:
            del self._calls[router]
            await router.close()

    async def _sources(self, request: TranslationRequest, router: Router) -> list[str | None]:
        """Return the language of each text; None where it has no words."""
        wordy = [any(character.isalpha() for character in text) for text in request.texts]
        if request.source_language != AUTO:
            source = normalize(request.source_language)
            return [source if has_words else None for has_words in wordy]
        among = router.sources_for(request.target_language)
        if among is not None:
            among = among | {base_language(request.target_language)}
        sources: list[str | None] = []
        for text, has_words in zip(request.texts, wordy, strict=True):
            if not has_words:
                sources.append(None)
                continue
            context = "\n".join((request.context, *request.texts))
            found = await self._detector.detect(text, among=among, context=context)
            if found.language is None or not found.is_sure:
                raise InvalidInput(
                    "the text is too short to tell its language; name source_language",
                    field="source_language",
                )
            sources.append(found.language)
        return sources

    async def _translate_all(
        self, request: TranslationRequest, sources: list[str | None], router: Router
    ) -> list[Translation]:
        results: list[Translation | None] = []
        for text, source in zip(request.texts, sources, strict=True):
            if source is None or base_language(source) == base_language(request.target_language):
                results.append(_unchanged(text, source or request.source_language, request))
                continue
            kept = self._cache.get(_key(text, source, request))
            results.append(kept and _result(kept, source, request, cached=True))
        for source in dict.fromkeys(sources):
            places = [
                place
                for place, result in enumerate(results)
                if result is None and sources[place] == source
            ]
            if source is not None and places:
                fresh = await self._translate_fresh(
                    msgspec.structs.replace(
                        request,
                        texts=tuple(request.texts[place] for place in places),
                        source_language=source,
                    ),
                    router,
                )
                for place, result in zip(places, fresh, strict=True):
                    results[place] = result
        return [result for result in results if result is not None]

    async def _translate_fresh(
        self, request: TranslationRequest, router: Router
    ) -> list[Translation]:
        limit = min((engine.max_chars for engine in router.engines), default=1)
        pieces = [split_text(text, limit) for text in request.texts]
        flat = tuple(piece for parts in pieces for piece in parts)
        routed = await router.translate(msgspec.structs.replace(request, texts=flat))
        outputs = iter(routed.outputs)
        results: list[Translation] = []
        for text, parts in zip(request.texts, pieces, strict=True):
            output = _join(parts, [next(outputs) for _ in parts])
            if routed.fallback_reason is None:
                self._cache.put(_key(text, request.source_language, request), output)
            results.append(
                _result(
                    output,
                    request.source_language,
                    request,
                    cached=False,
                    fallback_reason=routed.fallback_reason,
                )
            )
        return results


def _key(text: str, source: str, request: TranslationRequest) -> CacheKey:
    return CacheKey(
        text,
        source,
        normalize(request.target_language),
        request.context,
        tuple(sorted(request.glossary.items())),
    )


def _unchanged(text: str, source: str, request: TranslationRequest) -> Translation:
    return Translation(
        translated_text=text,
        source_language=source,
        target_language=request.target_language,
        confidence=None,
        engine=NO_ENGINE,
        cached=False,
        processing_time=0.0,
    )


def _result(
    output: EngineOutput,
    source: str,
    request: TranslationRequest,
    *,
    cached: bool,
    fallback_reason: str | None = None,
) -> Translation:
    return Translation(
        translated_text=output.text,
        source_language=source,
        target_language=request.target_language,
        confidence=output.confidence,
        engine=output.engine,
        cached=cached,
        processing_time=0.0,
        fallback_reason="; ".join(filter(None, (fallback_reason, output.note))) or None,
    )


def _join(parts: list[str], outputs: list[EngineOutput]) -> EngineOutput:
    """Return the outputs of a text's pieces as one; the confidence is weighted by length."""
    if len(outputs) == 1:
        return outputs[0]
    text = "".join(
        output.text.strip() + part[len(part.rstrip()) :]
        for part, output in zip(parts, outputs, strict=True)
    )
    measured = [
        (output.confidence, len(part))
        for part, output in zip(parts, outputs, strict=True)
        if output.confidence is not None
    ]
    weight = sum(length for _, length in measured)
    confidence = sum(value * length for value, length in measured) / weight if weight else None
    return msgspec.structs.replace(
        outputs[0], text=text, confidence=None if confidence is None else round(confidence, 4)
    )
