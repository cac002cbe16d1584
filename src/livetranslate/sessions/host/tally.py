"""Totals of a session as they grow."""

from __future__ import annotations

import msgspec

from livetranslate.domain.session import SessionStatistics


class Tally:
    """Counts; ``statistics`` is what was counted so far.

    Args:
        statistics: Where a previous host had got to.
    """

    def __init__(self, statistics: SessionStatistics) -> None:
        self.statistics = statistics

    def audio(self, seconds: float) -> None:
        """Count a chunk."""
        old = self.statistics
        self.statistics = msgspec.structs.replace(
            old, chunks=old.chunks + 1, audio_s=old.audio_s + seconds
        )

    def inference(self, seconds: float) -> None:
        """Count the engine's time."""
        old = self.statistics
        self.statistics = msgspec.structs.replace(old, inference_s=old.inference_s + seconds)

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
