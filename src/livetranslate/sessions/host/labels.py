"""The speaker of each final segment, by what a session's log has told."""

from __future__ import annotations

from collections.abc import Iterable

from livetranslate.domain.events import SessionEvent, SpeakerUpdate, TranscriptionResult
from livetranslate.sessions.log.base import SessionLog

PAGE = 1024


async def labels_told(log: SessionLog, session_id: str) -> dict[str, str | None]:
    """Return the speaker that each final segment has now, in order of speech."""
    labels: dict[str, str | None] = {}
    after = 0
    while events := await log.read_events(session_id, after, limit=PAGE):
        _read(events, labels)
        after = events[-1].event_id
    return labels


def _read(events: Iterable[SessionEvent], labels: dict[str, str | None]) -> None:
    for event in events:
        if isinstance(event, TranscriptionResult) and event.is_final:
            labels[event.segment_id] = event.speaker_id
        elif isinstance(event, SpeakerUpdate):
            labels.update(dict.fromkeys(event.segment_ids, event.speaker_id))
