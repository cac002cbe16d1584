"""How many words of a rehearsal came out under the right name. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

_WORD = re.compile(r"[\w']+")


class Score(msgspec.Struct, frozen=True):
    """What came of the words.

    Attributes:
        spoken: Words of the recordings.
        written: Words of the transcript.
        found: Words of the recordings that are in the transcript.
        named: Words of the transcript in a segment under the name of the one who said it.
    """

    spoken: int
    written: int
    found: int
    named: int


def score(said: Sequence[tuple[str, str]], written: Iterable[tuple[str | None, str]]) -> Score:
    """Return the score.

    A segment is taken for the words of whoever said most of its words.

    Args:
        said: Name and words of each turn.
        written: Name and words of each segment.
    """
    turns = [(name, Counter(_words(text))) for name, text in said]
    all_said = sum((counts for _, counts in turns), Counter[str]())
    all_written: Counter[str] = Counter()
    named = 0
    for name, text in written:
        words = Counter(_words(text))
        all_written += words
        best = max(turns, key=lambda turn: (turn[1] & words).total(), default=None)
        if best is not None and best[0] == name:
            named += words.total()
    found = (all_said & all_written).total()
    return Score(all_said.total(), all_written.total(), found, named)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
