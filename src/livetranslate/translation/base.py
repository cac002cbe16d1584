"""The contract of translators, whether they run here or behind port 5003."""

from __future__ import annotations

from typing import Protocol

import msgspec


class TranslationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Texts to translate into one language.

    Attributes:
        texts: What to translate, each on its own.
        source_language: ISO 639-1 code, or ``auto``.
        target_language: ISO 639-1 code.
        context: What was said before or what it is about; shapes the choice of words.
        glossary: Source term → target term that must appear.
    """

    texts: tuple[str, ...]
    source_language: str
    target_language: str
    context: str = ""
    glossary: dict[str, str] = {}


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """One result, as ``POST /api/translate`` answers it.

    Attributes:
        translated_text: The translation.
        source_language: As given or detected.
        target_language: As asked.
        confidence: Measured by the engine, 0-1, or None where it has no measure.
        engine: Engine that made it.
        cached: Whether it came from the cache.
        processing_time: Seconds.
        fallback_reason: Why a preferred engine did not make it, or None.
    """

    translated_text: str
    source_language: str
    target_language: str
    confidence: float | None
    engine: str
    cached: bool
    processing_time: float
    fallback_reason: str | None = None


class LanguagePair(msgspec.Struct, frozen=True):
    """A direction that an engine translates."""

    source: str
    target: str


class Translator(Protocol):
    """Translates texts; local engines and the remote service alike."""

    async def translate(self, request: TranslationRequest) -> list[Translation]:
        """Return one translation a text, in order.

        Raises:
            UnsupportedLanguage: No engine has the pair; ``available`` lists what there is.
            BackendUnavailable: Every engine that has the pair failed.
        """
        ...

    async def close(self) -> None:
        """Free engines and connections."""
        ...
