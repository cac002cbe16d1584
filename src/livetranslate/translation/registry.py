"""The translation engines there are, best first; a new one gets a line here."""

from __future__ import annotations

from collections.abc import Callable

from livetranslate.domain.errors import InvalidInput
from livetranslate.translation.engines import apertium, ctranslate2, openai_compatible
from livetranslate.translation.engines.base import TranslationEngine
from livetranslate.translation.options import AUTO, TranslationOptions

ENGINES: dict[str, Callable[[TranslationOptions], TranslationEngine]] = {
    openai_compatible.NAME: openai_compatible.OpenAICompatibleEngine,
    ctranslate2.NAME: ctranslate2.CTranslate2Engine,
    apertium.NAME: apertium.ApertiumEngine,
}


def create_engines(options: TranslationOptions) -> list[TranslationEngine]:
    """Return every engine in the order of ``auto``; raises InvalidInput for an unknown name."""
    if options.engine != AUTO and options.engine not in ENGINES:
        raise InvalidInput(
            f"translation engine {options.engine!r} is none of auto, {', '.join(ENGINES)}",
            field="engine",
        )
    return [create(options) for create in ENGINES.values()]
