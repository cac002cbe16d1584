"""Totals of a session as they grow."""

from __future__ import annotations

import msgspec

from livetranslate.domain.audio import AudioChunk, seconds
from livetranslate.domain.session import SessionStatistics


class Tally:
    """Counts; ``statistics`` is what was counted so far.

    Args:
        statistics: Where a previous host had got to.
    """

    def __init__(self, statistics: SessionStatistics) -> None:
        self.statistics = statistics

    def audio(self, chunk: AudioChunk) -> None:
        """Count the audio up to the end of a chunk."""
        self.statistics = msgspec.structs.replace(
            self.statistics, chunks=chunk.seq + 1, audio_s=seconds(chunk.end)
        )

    def inference(self, spent_s: float) -> None:
        """Count the time that a decoding took."""
        old = self.statistics
        self.statistics = msgspec.structs.replace(old, inference_s=old.inference_s + spent_s)

    def segment(self, words: int) -> None:
        """Count a final segment."""
        old = self.statistics
        self.statistics = msgspec.structs.replace(
            old, segments=old.segments + 1, words=old.words + words
        )

    def translation(self) -> None:
        """Count a final translation."""
        old = self.statistics
        self.statistics = msgspec.structs.replace(old, translations=old.translations + 1)

    def totals(self, speech_s: float) -> SessionStatistics:
        """Return the totals with times rounded to milliseconds."""
        return msgspec.structs.replace(
            self.statistics,
            audio_s=round(self.statistics.audio_s, 3),
            speech_s=round(speech_s, 3),
            inference_s=round(self.statistics.inference_s, 3),
        )
