"""Who feeds a session: at most one connection at a time."""

from __future__ import annotations

import asyncio
from typing import Protocol

from livetranslate.domain.errors import SessionBusy
from livetranslate.timing.arrivals import Arrivals
from livetranslate.timing.observations import Observation


class Feeder(Protocol):
    """A connection that brings a session's audio; compared by identity."""

    def taken_over(self, session_id: str) -> None:
        """Hear that another connection feeds the session now; must not block or raise."""
        ...


class FeedSlot:
    """A session that a connection of this process feeds.

    Attributes:
        session_id: The session.
        feeder: The connection.
        name: What the log knows the connection by.
        next_seq: Number of the feeder's next chunk that does not name its own.
        samples: Samples (16 kHz) of the session up to there.
        arrivals: When its audio arrives.
        observed: Observations of that which are not written yet.
        turn: Held while a chunk is appended, so that chunks keep the order they came in.
    """

    def __init__(
        self, session_id: str, feeder: Feeder, name: str, *, next_seq: int, samples: int = 0
    ) -> None:
        self.session_id = session_id
        self.feeder = feeder
        self.name = name
        self.next_seq = next_seq
        self.samples = samples
        self.arrivals = Arrivals()
        self.observed: list[Observation] = []
        self.turn = asyncio.Lock()

    def check(self, feeder: Feeder) -> None:
        """Raise SessionBusy unless this connection is the feeder."""
        if self.feeder is not feeder:
            raise SessionBusy(
                f"another connection feeds session {self.session_id}; resume_session takes it over",
                field="session_id",
            )


class FeedSlots:
    """The sessions that connections of this process feed."""

    def __init__(self) -> None:
        self._slots: dict[str, FeedSlot] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def get(self, session_id: str) -> FeedSlot | None:
        """Return a session's slot, if it is fed here."""
        return self._slots.get(session_id)

    def names(self) -> dict[str, str]:
        """Return the feeder's name of each session."""
        return {slot.session_id: slot.name for slot in self._slots.values()}

    def put(self, slot: FeedSlot) -> None:
        """Let a connection feed a session; the one before, if another, is told."""
        before = self._slots.get(slot.session_id)
        self._slots[slot.session_id] = slot
        if before is not None and before.feeder is not slot.feeder:
            before.feeder.taken_over(slot.session_id)

    def drop(self, session_id: str, feeder: Feeder) -> FeedSlot | None:
        """Free a session's place; None if this connection does not feed it (any more)."""
        slot = self._slots.get(session_id)
        if slot is None or slot.feeder is not feeder:
            return None
        return self._slots.pop(session_id)

    def lose(self, session_id: str, name: str, *, taken_over: bool) -> None:
        """Free the place of a feeder that the log knows no more, and tell it if another feeds."""
        slot = self._slots.get(session_id)
        if slot is None or slot.name != name:
            return
        del self._slots[session_id]
        if taken_over:
            slot.feeder.taken_over(session_id)

    def forget(self, session_id: str) -> None:
        """Free a session's place without telling anybody."""
        self._slots.pop(session_id, None)
