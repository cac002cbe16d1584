"""Which moments of a meeting and of a session belong together, found from what happened there."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.timing.estimate import ClockEstimate
from livetranslate.timing.observations import Observation, ObservationKind, observation

PHRASE = 3
"""Words in a row by which a place in the text is known."""
BIN_S = 0.25
"""Width of a vote for an offset."""
MIN_VOTES = 4
"""Turns that must agree on an offset."""
LEAD = 1.5
"""How many times the votes of any other offset the winner needs."""
NEAR_S = 1.0
"""How far a turn of the meeting may be from the speech that it belongs to."""

_WORD = re.compile(r"[^\W_]+")


class HeardWord(msgspec.Struct, frozen=True):
    """A recognised word and its begin in seconds from the session's first sample."""

    word: str
    start: float


class Caption(msgspec.Struct, frozen=True):
    """A caption of the meeting and when it appeared, in seconds on the meeting's clock."""

    text: str
    reading_s: float


def pair_captions(captions: Sequence[Caption], words: Sequence[HeardWord]) -> list[Observation]:
    """Return an observation for each caption whose words are found in what was heard.

    A place counts only where three words in a row were heard exactly once, as unique lines anchor a
    patience diff (Cohen 2008). The moment is that of the caption's first word: of the heard word
    as far before the phrase found. Of captions that repeat or continue each other the first counts.
    """
    heard = [(_plain(one.word), one.start) for one in words]
    heard = [(word, start) for word, start in heard if word]
    known = _places([word for word, _ in heard])
    taken: set[int] = set()
    found: list[Observation] = []
    for caption in sorted(captions, key=lambda one: one.reading_s):
        text = [_plain(word) for word in _WORD.findall(caption.text)]
        first = next(
            (
                place - at
                for at in range(len(text) - PHRASE + 1)
                if (place := known.get(tuple(text[at : at + PHRASE]))) is not None and place >= at
            ),
            None,
        )
        if first is not None and first not in taken:
            taken.add(first)
            found.append(observation(heard[first][1], caption.reading_s, ObservationKind.CAPTION))
    return found


def pair_turns(
    turns: Sequence[float], onsets: Sequence[float], known: ClockEstimate | None = None
) -> list[Observation]:
    """Return observations of a meeting's changes of speaker against the begins of speech.

    Which belongs to which is not told; without an estimate every difference between the two votes
    for an offset (as lines vote in Hough's transform, 1962), and the winner must be clear.

    Args:
        turns: When another speaker became the active one, in seconds on the meeting's clock.
        onsets: When speech began after a pause or with another speaker, in session seconds.
        known: An estimate made before.
    """
    if not turns or not onsets:
        return []
    begins = np.sort(np.asarray(onsets, dtype=np.float64))
    readings = np.asarray(turns, dtype=np.float64)
    if known is not None:
        expected = np.array([known.to_session(reading) for reading in turns])
    else:
        offset = _voted(readings, begins)
        if offset is None:
            return []
        expected = readings - offset
    found: list[Observation] = []
    for reading, moment in zip(turns, expected, strict=True):
        near = float(begins[np.argmin(np.abs(begins - moment))])
        if abs(near - moment) <= NEAR_S:
            found.append(observation(near, reading, ObservationKind.ACTIVE_SPEAKER))
    return found


def _plain(word: str) -> str:
    return "".join(_WORD.findall(word)).casefold()


def _places(words: Sequence[str]) -> dict[tuple[str, ...], int]:
    """Return where each phrase that occurs exactly once begins."""
    places: dict[tuple[str, ...], int | None] = {}
    for at in range(len(words) - PHRASE + 1):
        phrase = tuple(words[at : at + PHRASE])
        places[phrase] = None if phrase in places else at
    return {phrase: at for phrase, at in places.items() if at is not None}


def _voted(readings: NDArray[np.float64], begins: NDArray[np.float64]) -> float | None:
    """Return the offset that most pairs agree on, or None if there is no clear winner."""
    differences = np.sort((readings[:, None] - begins[None, :]).ravel())
    # Votes within two bins of each difference, so that no edge of a bin parts them.
    until = np.searchsorted(differences, differences + 2 * BIN_S, side="right")
    votes = until - np.arange(len(differences))
    best = int(np.argmax(votes))
    inside = differences[best : until[best]]
    offset = float(np.median(inside))
    others = votes[np.abs(differences - offset) > 4 * BIN_S]
    rival = int(others.max()) if len(others) else 0
    if votes[best] < MIN_VOTES or votes[best] < LEAD * rival:
        return None
    return offset
