"""Who feeds a session: at most one connection at a time."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Protocol

from livetranslate.domain.errors import SessionBusy


class Feeder(Protocol):
    """A connection that brings a session's audio; compared by identity."""

    def taken_over(self, session_id: str) -> None:
        """Hear that another connection feeds the session now; must not block or raise."""
        ...


class FeedState(Enum):
    """Whether a session has a feeder."""

    FED = "fed"
    VACANT = "vacant"


class FeedSlot:
    """A live session's place for one feeder.

    Attributes:
        session_id: The session.
        next_seq: Number of the feeder's next chunk that does not name its own.
        turn: Held while a chunk is appended, so that chunks keep the order they came in.
        vacant_since: Since when nobody feeds, on the monotonic clock; None while somebody does.
        ending_since: When upkeep first saw the session take no more audio.
        queued_before: Whether upkeep saw the session without a worker the last time.
        told_position: Place in the queue that was told last.
    """

    def __init__(self, session_id: str, *, next_seq: int, vacant_since: float) -> None:
        self.session_id = session_id
        self.next_seq = next_seq
        self.turn = asyncio.Lock()
        self.vacant_since: float | None = vacant_since
        self.ending_since: float | None = None
        self.queued_before = False
        self.told_position: int | None = None
        self._feeder: Feeder | None = None

    @property
    def state(self) -> FeedState:
        """Whether somebody feeds."""
        return FeedState.VACANT if self._feeder is None else FeedState.FED

    def fed_by(self, feeder: Feeder) -> bool:
        """Return whether this connection is the feeder."""
        return self._feeder is feeder

    def take(self, feeder: Feeder) -> None:
        """Make a connection the feeder; the one before, if another, is told."""
        before, self._feeder = self._feeder, feeder
        self.vacant_since = None
        if before is not None and before is not feeder:
            before.taken_over(self.session_id)

    def vacate(self, feeder: Feeder, now: float) -> bool:
        """Free the place; return False if this connection is not the feeder (any more)."""
        if self._feeder is not feeder:
            return False
        self._feeder = None
        self.vacant_since = now
        return True

    def check(self, feeder: Feeder) -> None:
        """Raise SessionBusy unless this connection is the feeder."""
        if self._feeder is not feeder:
            who = "no connection" if self._feeder is None else "another connection"
            raise SessionBusy(
                f"{who} feeds session {self.session_id}; resume_session takes it over",
                field="session_id",
            )
