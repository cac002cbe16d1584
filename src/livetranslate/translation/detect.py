"""Which language a text is in, among those that can be translated."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Collection
from typing import Any, cast

import msgspec
from py3langid import langid  # pyright: ignore[reportMissingTypeStubs] - it has no type hints

from livetranslate.translation.languages import base_language

_langid = cast("Any", langid)
_LIKELY = 0.6
_FAR_AHEAD = 2.0
_ALTERNATIVES = 3


class Detection(msgspec.Struct, frozen=True):
    """A guess at a text's language.

    Attributes:
        language: ISO 639-1 code, or None if the text gives no hint.
        confidence: Probability among the languages asked about, or None without a hint.
        alternatives: The next best languages with their probabilities.
    """

    language: str | None
    confidence: float | None
    alternatives: tuple[tuple[str, float], ...] = ()

    @property
    def is_sure(self) -> bool:
        """Whether the guess is worth acting on: likely, or far ahead of the next."""
        if self.confidence is None:
            return False
        following = self.alternatives[0][1] if self.alternatives else 0.0
        return self.confidence >= _LIKELY or self.confidence >= _FAR_AHEAD * following


class LanguageDetector:
    """langid.py's n-gram classifier (Lui and Baldwin, 2012) as py3langid brings it.

    The model is loaded by the first use; a detection then takes about a millisecond. Calls run in a
    thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._identifier: Any = None

    async def detect(
        self, text: str, *, among: Collection[str] | None = None, context: str = ""
    ) -> Detection:
        """Return the language of a text.

        Args:
            text: What was said.
            among: Codes to choose from; None for all that the classifier knows.
            context: What was said before; asked where the text alone is too short to tell.
        """
        found = await asyncio.to_thread(self._detect, text, among)
        if found.is_sure or not context.strip():
            return found
        joint = await asyncio.to_thread(self._detect, f"{context}\n{text}", among)
        return joint if joint.is_sure else found

    def _detect(self, text: str, among: Collection[str] | None) -> Detection:
        with self._lock:
            if self._identifier is None:
                self._identifier = _langid.LanguageIdentifier.from_model_file(
                    _langid.MODEL_FILE, norm_probs=True
                )
            ranked = [(str(code), float(p)) for code, p in self._identifier.rank(text)]
        if among is not None:
            wanted = {base_language(code) for code in among}
            ranked = [(code, p) for code, p in ranked if code in wanted]
        total = math.fsum(p for _, p in ranked)
        if not ranked or total <= 0 or (len(ranked) > 1 and ranked[0][1] <= ranked[1][1] * 1.0001):
            return Detection(None, None)
        shares = [(code, round(p / total, 4)) for code, p in ranked]
        return Detection(shares[0][0], shares[0][1], tuple(shares[1 : 1 + _ALTERNATIVES]))
