"""Lines that do not jump: a word keeps its line while the text grows, as long as it can.

Languages written without blanks break between phrases (BudouX); all others at blanks. What is wider
than a line by itself is cut between characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import budoux

from livetranslate.meetings.webcam.text.itemise import clusters

_LOADERS = {
    "ja": budoux.load_default_japanese_parser,
    "th": budoux.load_default_thai_parser,
    "zh": budoux.load_default_simplified_chinese_parser,
    "zh-hant": budoux.load_default_traditional_chinese_parser,
}
_TRADITIONAL = frozenset({"zh-hant", "zh-tw", "zh-hk", "yue"})
_WORD = re.compile(r"\S+\s*")

Units = tuple[str, ...]
Measure = Callable[[str], float]


def units(text: str, language: str) -> Units:
    """Return the pieces between which a line may break; joined they are the text."""
    words: list[str] = _WORD.findall(text)
    tag = language.lower()
    base = "zh-hant" if tag in _TRADITIONAL else tag.partition("-")[0]
    if base not in _LOADERS:
        return tuple(words)
    return tuple(phrase for word in words for phrase in _phrases(word, base))


def wrap(pieces: Units, measure: Measure, width: float, before: list[Units]) -> list[Units]:
    """Return pieces in lines.

    A line of ``before`` ends where it ended, if the piece after its end is the same one as then and
    it still fits; from the first line where that is not so, each line takes what fits.

    Args:
        pieces: What ``units`` returned.
        measure: Width of a text on one line.
        width: Of a line, in the same unit.
        before: The lines of the text's state before; empty for a new one.
    """
    lines: list[Units] = []
    rest = [part for piece in pieces for part in _fitting(piece, measure, width)]
    for line, following in zip(before, before[1:], strict=False):
        kept, after = rest[: len(line)], rest[len(line) :]
        same = after and following and after[0].rstrip() == following[0].rstrip()
        if not same or measure("".join(kept).rstrip()) > width:
            break
        lines.append(tuple(kept))
        rest = after
    return [*lines, *_greedy(rest, measure, width)]


def _greedy(pieces: list[str], measure: Measure, width: float) -> list[Units]:
    lines: list[list[str]] = []
    for piece in pieces:
        if lines and measure("".join([*lines[-1], piece]).rstrip()) <= width:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return [tuple(line) for line in lines]


def _fitting(piece: str, measure: Measure, width: float) -> list[str]:
    """Return a piece, or its parts where it alone is wider than a line."""
    if measure(piece.rstrip()) <= width:
        return [piece]
    parts = [""]
    for cluster in clusters(piece):
        if parts[-1] and measure((parts[-1] + cluster).rstrip()) > width:
            parts.append("")
        parts[-1] += cluster
    return parts


@lru_cache(maxsize=256)
def _phrases(word: str, base: str) -> Units:
    return tuple(_parser(base).parse(word))


@lru_cache(maxsize=4)
def _parser(base: str) -> budoux.Parser:
    return _LOADERS[base]()
