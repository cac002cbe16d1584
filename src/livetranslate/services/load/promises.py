"""Whether a session keeps what it promises: committed words stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.speech import Word


class Promises:
    """Follows one session's results in their order.

    Attributes:
        broken: Words that were committed and changed or went.
    """

    def __init__(self) -> None:
        self.broken = 0
        self._promised: list[str] = []

    def take(self, result: TranscriptionResult) -> Sequence[Word]:
        """Take a result; return the words that are committed with it and were not before."""
        words = [word for word in result.words if word.committed or result.is_final]
        known = min(len(words), len(self._promised))
        self.broken += sum(
            word.word != before for word, before in zip(words, self._promised, strict=False)
        )
        if result.is_final:
            del self._promised[: len(words)]
        else:
            self.broken += len(self._promised) - known
            self._promised = [word.word for word in words]
        return words[known:]
