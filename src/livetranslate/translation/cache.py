"""A bounded cache of translations, keyed by everything that changes the output."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from livetranslate.translation.engines.base import EngineOutput


class CacheKey(msgspec.Struct, frozen=True):
    """What a translation depends on.

    Attributes:
        text: What is translated.
        source: Language of it.
        target: Language wanted.
        context: Context of the request.
        glossary: Terms of the request, sorted.
    """

    text: str
    source: str
    target: str
    context: str
    glossary: tuple[tuple[str, str], ...]


class TranslationCache:
    """Keeps the ``entries`` translations used last; overflow policy: drop the least recent."""

    def __init__(self, entries: int) -> None:
        self._limit = entries
        self._kept: OrderedDict[CacheKey, EngineOutput] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of translations kept."""
        return len(self._kept)

    def get(self, key: CacheKey) -> EngineOutput | None:
        """Return a kept translation."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: CacheKey, output: EngineOutput) -> None:
        """Keep a translation."""
        if self._limit <= 0:
            return
        self._kept[key] = output
        self._kept.move_to_end(key)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
