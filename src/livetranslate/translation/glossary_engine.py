"""Calling an engine so that the glossary holds, however little the engine knows of it."""

from __future__ import annotations

import msgspec

from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.engines.base import EngineOutput, TranslationEngine
from livetranslate.translation.glossary import Glossary


async def translate_with_glossary(
    engine: TranslationEngine, request: TranslationRequest
) -> list[EngineOutput]:
    """Return an engine's outputs with every glossary term translated as it must be.

    An engine that takes glossaries gets it; another gets its terms behind invented words. Where
    a term did not come through, the text between the terms is translated piece by piece.
    Raises what the engine raises.
    """
    glossary = Glossary(request.glossary)
    if not any(glossary.occurs_in(text) for text in request.texts):
        return await engine.translate(msgspec.structs.replace(request, glossary={}))
    if engine.takes_glossary:
        outputs: list[EngineOutput | None] = list(await engine.translate(request))
    else:
        outputs = await _protected(engine, request, glossary)
    return [
        output
        if output is not None and glossary.is_kept(text, output.text)
        else await _piecewise(engine, request, glossary, text)
        for text, output in zip(request.texts, outputs, strict=True)
    ]


async def _protected(
    engine: TranslationEngine, request: TranslationRequest, glossary: Glossary
) -> list[EngineOutput | None]:
    protected = [glossary.protect(text) for text in request.texts]
    hidden = msgspec.structs.replace(
        request, texts=tuple(item.text for item in protected), glossary={}
    )
    results: list[EngineOutput | None] = []
    for item, output in zip(protected, await engine.translate(hidden), strict=True):
        text = item.restore(output.text)
        results.append(None if text is None else msgspec.structs.replace(output, text=text))
    return results


async def _piecewise(
    engine: TranslationEngine, request: TranslationRequest, glossary: Glossary, text: str
) -> EngineOutput:
    pieces = glossary.pieces(text)
    words = [
        piece.text
        for piece in pieces
        if piece.translation is None and any(character.isalpha() for character in piece.text)
    ]
    outputs: list[EngineOutput] = []
    if words:
        outputs = await engine.translate(
            msgspec.structs.replace(
                request, texts=tuple(word.strip() for word in words), glossary={}
            )
        )
    translated = dict(zip(words, outputs, strict=True))
    parts: list[str] = []
    for piece in pieces:
        if piece.translation is not None:
            parts.append(piece.translation)
        elif piece.text in translated:
            parts.append(_with_blanks_of(piece.text, translated[piece.text].text))
        else:
            parts.append(piece.text)
    measured = [output.confidence for output in outputs if output.confidence is not None]
    return EngineOutput(
        text="".join(parts),
        confidence=min(measured) if measured else None,
        engine=outputs[0].engine if outputs else engine.name,
        note=outputs[0].note if outputs else None,
    )


def _with_blanks_of(source: str, translation: str) -> str:
    lead = source[: len(source) - len(source.lstrip())]
    return lead + translation.strip() + source[len(source.rstrip()) :]
