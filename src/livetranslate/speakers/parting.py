"""Where, among the words of a segment, another person begins to speak. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from livetranslate.domain.speech import Word
from livetranslate.speakers.diarizer import Turn

LEAST_TURN_S = 0.6
"""A shorter turn parts nothing: it may be a slip."""
REACH_S = 0.2
"""A word belongs to a turn that its middle misses by less than this."""


def first_of_another(words: Sequence[Word], turns: Sequence[Turn]) -> int | None:
    """Return which word is the first of another speaker than the first word's; None if none is.

    Words that fall into no turn belong to the speaker before.
    """
    first: str | None = None
    for index, word in enumerate(words):
        speaker = _speaker((word.start + word.end) / 2, turns)
        if speaker is None or speaker == first:
            continue
        if first is not None:
            return index
        first = speaker
    return None


def _speaker(at: float, turns: Sequence[Turn]) -> str | None:
    for turn in reversed(turns):
        if turn.start - REACH_S <= at <= turn.end + REACH_S:
            return turn.speaker_id if turn.end - turn.start >= LEAST_TURN_S else None
        if turn.end + REACH_S < at:
            return None
    return None
