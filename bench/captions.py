"""What a viewer of live captions sees: when words appear and are promised, what is taken back.

The definitions are those of the targets: commit latency is the moment at which a spoken word and
all before it became immutable at the client, minus the word's end in the audio; first-display
latency is the same for its first appearance; normalised erasure is deleted shown words ÷ final
words (Arivazhagan et al., «Re-translation versus Streaming for Simultaneous Translation», 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.corpus import SpokenWord
from bench.scoring import matches
from livetranslate.asr.policy import normalise
from livetranslate.domain.events import TranscriptionResult

FRAME_S = 0.016
"""What comes within one frame of a display is seen at once."""


class Seen(msgspec.Struct, frozen=True):
    """What was seen of one recording; times in seconds since its first sample was spoken."""

    words: list[str]
    committed_at: list[float]
    shown_at: list[float]
    erased: int
    broken: int


class Latencies(msgspec.Struct, frozen=True):
    """Latencies of the spoken words that were recognised, in seconds."""

    commit: list[float]
    display: list[float]
    spoken: int


class Viewer:
    """Takes a session's results and notes what a viewer sees."""

    def __init__(self) -> None:
        self._segments: dict[str, TranscriptionResult] = {}
        self._frames: list[tuple[float, list[str], int]] = []

    def take(self, result: TranscriptionResult, at_s: float) -> None:
        """Take the newest state of a segment, seen at ``at_s``."""
        self._segments[result.segment_id] = result
        words = [word for _, one in sorted(self._segments.items()) for word in one.words]
        committed = 0
        while committed < len(words) and words[committed].committed:
            committed += 1
        frame = (at_s, [word.word for word in words], committed)
        if self._frames and at_s - self._frames[-1][0] < FRAME_S:
            self._frames.pop()
        self._frames.append(frame)

    def seen(self) -> Seen:
        """Return what was seen in all."""
        final = self._frames[-1][1] if self._frames else []
        committed_at = [0.0] * len(final)
        shown_at: list[float | None] = [None] * len(final)
        erased = broken = promised = 0
        before: list[str] = []
        for at_s, words, committed in self._frames:
            erased += len(before) - _shared(before, words)
            broken += words[:promised] != before[:promised]
            for index in range(promised, committed):
                committed_at[index] = at_s
            for index, (word, last) in enumerate(zip(words, final, strict=False)):
                if shown_at[index] is None and normalise(word) == normalise(last):
                    shown_at[index] = at_s
            promised = max(promised, committed)
            before = words
        shown = [
            committed if first is None else first
            for first, committed in zip(shown_at, committed_at, strict=True)
        ]
        return Seen(final, committed_at, shown, erased, broken)


def _shared(one: Sequence[str], two: Sequence[str]) -> int:
    """Return how many leading words two texts share."""
    count = 0
    while count < min(len(one), len(two)) and one[count] == two[count]:
        count += 1
    return count


def latencies(spoken: Sequence[SpokenWord], seen: Seen) -> Latencies:
    """Return the latencies of the words that were recognised."""
    pairs = matches([word.word for word in spoken], seen.words)
    return Latencies(
        commit=[seen.committed_at[heard] - spoken[said].end for said, heard in pairs],
        display=[seen.shown_at[heard] - spoken[said].end for said, heard in pairs],
        spoken=len(spoken),
    )
