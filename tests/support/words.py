"""Words for tests, short to write."""

from __future__ import annotations

from livetranslate.domain.speech import Word


def spoken(
    text: str, *, start: float = 0.0, each: float = 0.5, confidence: float | None = 0.9
) -> list[Word]:
    """The words of a text, one every ``each`` seconds."""
    return [
        Word(word, start + index * each, start + (index + 1) * each, confidence)
        for index, word in enumerate(text.split())
    ]


def texts(words: list[Word] | tuple[Word, ...]) -> list[str]:
    return [word.word for word in words]
