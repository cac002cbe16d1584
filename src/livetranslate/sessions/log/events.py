"""The events of one session: numbered, in order, without superseded previews."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from livetranslate.domain.events import SessionEvent, is_preview, preview_key

_event_id = attrgetter("event_id")


class EventBuffer:
    """Keeps every final event and, of each preview, only the newest.

    Numbers rise by one with each event, also with those that are superseded later: a reader that
    comes late sees gaps where previews were, never a final event missing.
    """

    def __init__(self) -> None:
        self.last_id = 0
        self._events: list[SessionEvent] = []
        self._previews: dict[tuple[str, ...], int] = {}

    def append(self, event: SessionEvent) -> None:
        """Number an event, take it, and drop the preview that it supersedes."""
        self.last_id += 1
        key = preview_key(event)
        if key is not None:
            self._drop(self._previews.pop(key, 0))
            if is_preview(event):
                self._previews[key] = self.last_id
        self._events.append(msgspec.structs.replace(event, event_id=self.last_id))

    def after(self, event_id: int, limit: int) -> Sequence[SessionEvent]:
        """Return at most ``limit`` kept events with greater numbers, oldest first."""
        first = bisect_right(self._events, event_id, key=_event_id)
        return self._events[first : first + limit]

    def _drop(self, event_id: int) -> None:
        index = bisect_left(self._events, event_id, key=_event_id)
        if index < len(self._events) and self._events[index].event_id == event_id:
            del self._events[index]
