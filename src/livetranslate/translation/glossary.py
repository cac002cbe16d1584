"""Glossaries: terms that must be translated as they say, whatever the engine.

Terms are matched as whole words without regard to case, the longest first. For engines that know
nothing of glossaries a term is put out of their reach: by a word they cannot know and so leave
alone, or by translating the text around it piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

_ALPHABET = "abcdefghijklmnop"
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


class Piece(msgspec.Struct, frozen=True):
    """A part of a text: words to translate, or a term with its ready translation."""

    text: str
    translation: str | None = None


class Protected(msgspec.Struct, frozen=True):
    """A text whose terms are hidden behind invented words.

    Attributes:
        text: What to translate.
        hidden: Translation of the term behind each invented word.
    """

    text: str
    hidden: dict[str, str]

    def restore(self, translation: str) -> str | None:
        """Return a translation with the terms back in; None if one of them got lost."""
        for placeholder, term in self.hidden.items():
            translation, count = _whole_word(placeholder).subn(lambda _, t=term: t, translation)
            if not count:
                return None
        return translation

    def count_in(self, translation: str) -> int:
        """Return how many invented words are in a translation."""
        return sum(len(_whole_word(word).findall(translation)) for word in self.hidden)


class Glossary:
    """Source term → target term; empty terms are ignored."""

    def __init__(self, terms: Mapping[str, str]) -> None:
        self._terms = {_key(source): target for source, target in terms.items() if _key(source)}
        longest_first = sorted(self._terms, key=len, reverse=True)
        self._pattern = (
            re.compile("|".join(_bounded(term) for term in longest_first), re.IGNORECASE)
            if longest_first
            else None
        )

    def __bool__(self) -> bool:
        """Return whether there is any term."""
        return self._pattern is not None

    def occurs_in(self, text: str) -> dict[str, str]:
        """Return the terms, as given, that a text contains, with their translations."""
        if self._pattern is None:
            return {}
        return {match[0]: self._translation(match) for match in self._pattern.finditer(text)}

    def is_kept(self, source: str, translation: str) -> bool:
        """Return whether every term of ``source`` is translated as it must be."""
        return all(
            _whole_word(target).search(translation)
            for target in self.occurs_in(source).values()
            if target
        )

    def protect(self, text: str) -> Protected:
        """Return the text with each term behind an invented word of its own."""
        hidden: dict[str, str] = {}
        lowered = text.lower()

        def hide(match: re.Match[str]) -> str:
            placeholder = _invented_word(len(hidden), lowered)
            hidden[placeholder] = self._translation(match)
            return placeholder

        if self._pattern is None:
            return Protected(text, {})
        return Protected(self._pattern.sub(hide, text), hidden)

    def pieces(self, text: str) -> list[Piece]:
        """Return the text cut into terms and what lies between them."""
        if self._pattern is None:
            return [Piece(text)]
        found: list[Piece] = []
        position = 0
        for match in self._pattern.finditer(text):
            found.append(Piece(text[position : match.start()]))
            found.append(Piece(match[0], self._translation(match)))
            position = match.end()
        return [piece for piece in (*found, Piece(text[position:])) if piece.text]

    def _translation(self, match: re.Match[str]) -> str:
        """Return the translation of a term, capitalised where it opens the text or a sentence."""
        target = self._terms[_key(match[0])]
        before = match.string[: match.start()].rstrip()
        opens = not before or before.endswith((".", "!", "?", "¿", "¡", "…"))
        if opens and match[0][:1].isupper() and target[:1].islower():
            return target[0].upper() + target[1:]
        return target


def _key(term: str) -> str:
    return " ".join(term.split()).casefold()


def _bounded(term: str) -> str:
    words = r"\s+".join(re.escape(word) for word in term.split())
    before = "" if not term[0].isalnum() or _UNSPACED.match(term[0]) else r"(?<!\w)"
    after = "" if not term[-1].isalnum() or _UNSPACED.match(term[-1]) else r"(?!\w)"
    return f"{before}{words}{after}"


def _whole_word(term: str) -> re.Pattern[str]:
    return re.compile(_bounded(term), re.IGNORECASE)


def _invented_word(number: int, text: str) -> str:
    """Return a word of letters only that is in no language and not in this (lower-case) text."""
    stem = "zq"
    while stem in text:
        stem += "q"
    letters = _ALPHABET[number % 16]
    while number >= 16:
        number //= 16
        letters = _ALPHABET[number % 16] + letters
    return f"{stem.capitalize()}x{letters}x"
