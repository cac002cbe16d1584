"""The contract of translation engines; one test suite runs over all of them."""

from __future__ import annotations

from typing import Protocol

import msgspec

from livetranslate.translation.base import LanguagePair, TranslationRequest


class EngineOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine made of one text.

    Attributes:
        text: The translation.
        confidence: Measured, 0-1, or None where the engine has no measure.
        engine: Engine as results name it; it says so if the text went through two pairs.
        note: What did not go as preferred inside the engine (a GPU that failed), or None.
    """

    text: str
    confidence: float | None
    engine: str
    note: str | None = None


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine can do on this machine.

    Attributes:
        engine: Registry name.
        available: Whether it can translate anything now.
        reason: Why, or why not.
        remedy: What makes it available or better; None if nothing is missing.
        pairs: Directions it has; for models of many languages see ``languages``.
        languages: Languages between which every direction works.
        any_language: Whether it takes any pair, as language models do.
        models: Names of what is installed or served.
        device: ``cpu``, ``cuda``, ``remote``, or None while nothing is loaded.
        compute_type: Numeric type, where there is one.
    """

    engine: str
    available: bool
    reason: str
    remedy: str | None = None
    pairs: tuple[LanguagePair, ...] = ()
    languages: tuple[str, ...] = ()
    any_language: bool = False
    models: tuple[str, ...] = ()
    device: str | None = None
    compute_type: str | None = None


class TranslationEngine(Protocol):
    """Translates texts of a known language; safe for concurrent calls on one event loop."""

    @property
    def name(self) -> str:
        """Registry name."""
        ...

    @property
    def takes_glossary(self) -> bool:
        """Whether it honours a request's glossary itself."""
        ...

    @property
    def max_chars(self) -> int:
        """Longest text it translates well at once; longer ones are split at sentences."""
        ...

    def has_pair(self, source: str, target: str) -> bool:
        """Return whether it translates this direction; both are language codes."""
        ...

    def sources_for(self, target: str) -> frozenset[str] | None:
        """Return the languages it translates into ``target``; None for any language."""
        ...

    async def status(self) -> EngineStatus:
        """Return what it can do; may look at disks and servers, raises nothing."""
        ...

    async def translate(self, request: TranslationRequest) -> list[EngineOutput]:
        """Return one output a text, in order; ``source_language`` is never ``auto``.

        Raises:
            UnsupportedLanguage: It has not got the pair.
            ModelUnavailable: What it needs cannot be loaded.
            BackendUnavailable: It failed or did not answer in time.
        """
        ...

    async def close(self) -> None:
        """Free processes, models and connections."""
        ...
