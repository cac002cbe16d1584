"""A database of live sessions in memory, which can be away or refuse things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from livetranslate.domain.errors import BackendUnavailable, Conflict, InvalidInput
from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatus


class MemoryRecords:
    """Implements ``SessionRecords``; ``history`` tells what took effect, in order."""

    def __init__(self) -> None:
        self.status: dict[str, SessionStatus] = {}
        self.errors: dict[str, str | None] = {}
        self.reasons: dict[str, EndReason | None] = {}
        self.events: dict[str, dict[int, SessionEvent]] = {}
        self.history: list[tuple[str, str]] = []
        self.away = False
        self.refuses: Callable[[SessionEvent], bool] = lambda _: False
        self.calls = 0

    def _called(self) -> None:
        self.calls += 1
        if self.away:
            raise BackendUnavailable("the database is away")

    async def create(
        self, session_id: str, *, kind: str, config: SessionConfig, created_at: datetime
    ) -> None:
        self._called()
        if session_id in self.status:
            raise Conflict(f"there is a session {session_id}")
        self.status[session_id] = SessionStatus.INITIALIZING
        self.events[session_id] = {}
        self.history.append((session_id, f"created {kind}"))

    async def set_status(
        self,
        session_id: str,
        status: SessionStatus,
        *,
        at: datetime,
        reason: EndReason | None = None,
        error: str | None = None,
    ) -> None:
        self._called()
        self.status[session_id] = self.status[session_id].to(status)
        self.errors[session_id], self.reasons[session_id] = error, reason
        self.history.append((session_id, status.value))

    async def record(self, session_id: str, events: Sequence[SessionEvent]) -> None:
        self._called()
        if any(map(self.refuses, events)):
            raise InvalidInput("the database does not like this event")
        for event in events:
            if event.event_id not in self.events[session_id]:
                self.history.append((session_id, type(event).__name__))
            self.events[session_id][event.event_id] = event

    async def delete(self, session_id: str) -> None:
        self._called()
        for table in (self.status, self.events, self.errors, self.reasons):
            table.pop(session_id, None)
        self.history.append((session_id, "deleted"))

    def of(self, session_id: str) -> list[str]:
        """Return what took effect for one session, in order."""
        return [what for who, what in self.history if who == session_id]
