"""Speakers' turns: what one said without another one or a long pause between."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import RowMapping

from livetranslate.storage.timeline_found import SpeakerTurnEntry

PAUSE_S = 5.0
"""A pause so long ends a turn."""
MOST = 500
"""Segments of a turn at most, so that the end of one is found in bounded time."""

Turn = tuple[int, SpeakerTurnEntry]
"""Key of the turn's first segment, and the turn."""


class TurnFolder:
    """Folds segments, in order of speech, into turns; what nobody is known to have said is none."""

    def __init__(self) -> None:
        self._open: Turn | None = None

    def fold(self, rows: Iterable[RowMapping]) -> list[Turn]:
        """Take further segments; return the turns that ended."""
        done: list[Turn] = []
        for row in rows:
            continued = self._continued(row)
            if continued is None and self._open is not None:
                done.append(self._open)
                self._open = None
            if continued is not None:
                self._open = continued
            elif row["speaker_id"] is not None:
                self._open = (row["key"], _begun(row))
        return done

    def close(self) -> list[Turn]:
        """Return the turn that is still open, now that there are no further segments."""
        rest, self._open = self._open, None
        return [] if rest is None else [rest]

    def _continued(self, row: RowMapping) -> Turn | None:
        """Return the open turn with a segment added, or None if that belongs to another."""
        if self._open is None:
            return None
        key, turn = self._open
        end = turn.end or 0.0
        same = row["speaker_id"] == turn.speaker_id and row["start"] - end < PAUSE_S
        if not same or turn.segments >= MOST:
            return None
        return key, SpeakerTurnEntry(
            start=turn.start,
            end=max(end, row["end"] or row["start"]),
            speaker_id=turn.speaker_id,
            speaker_name=row["speaker_name"] or turn.speaker_name,
            segments=turn.segments + 1,
            words=turn.words + row["word_count"],
        )


def _begun(row: RowMapping) -> SpeakerTurnEntry:
    return SpeakerTurnEntry(
        start=row["start"],
        end=row["end"] or row["start"],
        speaker_id=row["speaker_id"],
        speaker_name=row["speaker_name"],
        segments=1,
        words=row["word_count"],
    )
