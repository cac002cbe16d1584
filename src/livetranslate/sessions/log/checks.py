"""What every log refuses, whatever it is kept in."""

from __future__ import annotations

from collections.abc import Sequence

from livetranslate.domain.audio import BYTES_PER_SAMPLE
from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.events import SessionEnded, SessionEvent


def check_chunk(seq: int, pcm: bytes) -> None:
    """Raise InvalidInput for a chunk that makes no sense."""
    if seq < 0:
        raise InvalidInput(f"chunks are numbered from 0, not {seq}", field="seq")
    if len(pcm) % BYTES_PER_SAMPLE:
        raise InvalidInput("a chunk of audio has whole 16-bit samples", field="audio")


def check_events(session_id: str, events: Sequence[SessionEvent]) -> None:
    """Raise InvalidInput for events of another session, or behind the last one."""
    for event in events:
        if event.session_id != session_id:
            raise InvalidInput(
                f"an event of {event.session_id} cannot go to {session_id}", field="session_id"
            )
    if any(isinstance(event, SessionEnded) for event in events[:-1]):
        raise InvalidInput("nothing follows session_ended", field="events")
