"""Speech cut into pieces of one voice: at pauses, and where it goes on for long. Pure.

Speech is what is less than ``_SPEECH_DB`` below the loud parts of the last seconds; a finer
judgement is not needed, since only what the voice activity let through comes here.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.domain.audio import SAMPLE_RATE

HOP = 160
"""Samples a frame: 10 ms."""

_SPEECH_DB = 22.0
_DECAY_DB = 3.0
_SILENCE_DB = -65.0


class CutOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where speech is cut; seconds.

    Attributes:
        pause_s: A pause this long ends a piece.
        longest_s: A piece this long is cut at its quietest moment.
    """

    pause_s: float = 0.18
    longest_s: float = 2.0


class Cut(msgspec.Struct, frozen=True):
    """Pieces found, and what is left.

    Attributes:
        pieces: Begin and end of each, in samples of what was given.
        rest: Sample from which on nothing is decided yet.
        peak_db: Loudness of the loud parts.
    """

    pieces: tuple[tuple[int, int], ...]
    rest: int
    peak_db: float


def cut(audio: NDArray[np.int16], peak_db: float, options: CutOptions, *, final: bool) -> Cut:
    """Cut speech into pieces.

    Args:
        audio: Samples, mono 16 kHz.
        peak_db: Loudness of the loud parts before, in dBFS.
        options: Where to cut.
        final: Whether nothing follows, so that all of it is to be cut.
    """
    frames = len(audio) // HOP
    levels = _levels(audio[: frames * HOP])
    pause, longest = round(options.pause_s * 100), round(options.longest_s * 100)
    found: list[tuple[int, int]] = []
    at = 0
    while at < frames:
        ahead = levels[at : at + longest]
        peak_db = max(peak_db - _DECAY_DB if found else peak_db, float(np.percentile(ahead, 95)))
        speech = ahead > max(peak_db - _SPEECH_DB, _SILENCE_DB)
        if not speech.any():
            at += len(ahead) if final or len(ahead) == longest else 0
            break
        first = int(speech.argmax())
        end = _pause(speech, first, pause)
        if end is None and len(ahead) == longest:
            half = longest // 2
            end = half + int(ahead[half:].argmin()) if first < half else None
            if end is None:
                at += first
                continue
        if end is None:
            if not final:
                at += first
                break
            end = len(ahead) - int(speech[::-1].argmax())
        found.append(((at + first) * HOP, (at + end) * HOP))
        at += end
    rest = len(audio) if final else at * HOP
    return Cut(tuple(found), rest, peak_db)


def seconds_of(piece: tuple[int, int]) -> float:
    """Return the duration of a piece."""
    return (piece[1] - piece[0]) / SAMPLE_RATE


def _pause(speech: NDArray[np.bool_], first: int, pause: int) -> int | None:
    """Return the frame at which a pause of so many frames begins behind ``first``, or None."""
    silent = 0
    for index in range(first, len(speech)):
        silent = 0 if speech[index] else silent + 1
        if silent == pause:
            return index - pause + 1
    return None


def _levels(audio: NDArray[np.int16]) -> NDArray[np.float64]:
    blocks = audio.astype(np.float64).reshape(-1, HOP) / 32768.0
    return 10 * np.log10((blocks**2).mean(axis=1) + 1e-10)
