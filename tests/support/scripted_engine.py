"""A translation engine that does as a test says: upper case, or a failure."""

from __future__ import annotations

import asyncio

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.translation.base import LanguagePair, TranslationRequest
from livetranslate.translation.engines.base import EngineOutput, EngineStatus


class ScriptedEngine:
    """Translates by writing in upper case, with its name in front.

    Attributes:
        failure: Raised by the next calls, if set.
        calls: Requests so far.
        gate: Calls wait for it, if set.
        loses: Words it drops from what it translates.
        closed: Whether it was closed.
    """

    takes_glossary = False
    max_chars = 40

    def __init__(self, name: str, *pairs: str) -> None:
        self.name = name
        self.pairs = [LanguagePair(*pair.split("-")) for pair in pairs]
        self.failure: LiveTranslateError | None = None
        self.calls: list[TranslationRequest] = []
        self.gate: asyncio.Event | None = None
        self.loses: tuple[str, ...] = ()
        self.closed = False

    def has_pair(self, source: str, target: str) -> bool:
        return LanguagePair(source, target) in self.pairs

    def sources_for(self, target: str) -> frozenset[str] | None:
        return frozenset(pair.source for pair in self.pairs if pair.target == target)

    async def status(self) -> EngineStatus:
        return EngineStatus(
            engine=self.name, available=True, reason="scripted", pairs=tuple(self.pairs)
        )

    async def translate(self, request: TranslationRequest) -> list[EngineOutput]:
        self.calls.append(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [
            EngineOutput(text=self._say(text), confidence=0.5, engine=self.name)
            for text in request.texts
        ]

    async def close(self) -> None:
        self.closed = True

    def _say(self, text: str) -> str:
        kept = [word for word in text.split() if not word.startswith(self.loses or ("\0",))]
        return " ".join(kept).upper()
