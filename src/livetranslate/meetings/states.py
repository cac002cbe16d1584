"""The life of a meeting bot as an explicit state with guarded transitions."""

from __future__ import annotations

from enum import Enum

from livetranslate.domain.errors import Conflict


class BotState(str, Enum):
    """Where a bot is; ``completed`` and ``failed`` are for good."""

    JOINING = "joining"
    AWAITING_ADMISSION = "awaiting_admission"
    ACTIVE = "active"
    NEEDS_HELP = "needs_help"
    LEAVING = "leaving"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether nothing follows."""
        return not _FOLLOWING[self]

    def to(self, new: BotState) -> BotState:
        """Return ``new`` if it may follow this state; raises Conflict otherwise."""
        if new is not self and new not in _FOLLOWING[self]:
            raise Conflict(f"a bot that is {self.value} cannot become {new.value}")
        return new


_ENDS = frozenset({BotState.LEAVING, BotState.COMPLETED, BotState.FAILED})
_FOLLOWING: dict[BotState, frozenset[BotState]] = {
    BotState.JOINING: _ENDS | {BotState.AWAITING_ADMISSION, BotState.ACTIVE, BotState.NEEDS_HELP},
    BotState.AWAITING_ADMISSION: _ENDS | {BotState.JOINING, BotState.ACTIVE, BotState.NEEDS_HELP},
    BotState.ACTIVE: _ENDS | {BotState.JOINING, BotState.AWAITING_ADMISSION, BotState.NEEDS_HELP},
    BotState.NEEDS_HELP: _ENDS | {BotState.JOINING, BotState.AWAITING_ADMISSION, BotState.ACTIVE},
    BotState.LEAVING: frozenset({BotState.COMPLETED, BotState.FAILED}),
    BotState.COMPLETED: frozenset(),
    BotState.FAILED: frozenset(),
}


class EndCause(str, Enum):
    """Why a bot is no longer in its meeting.

    ``stopped`` is a person's wish. A meeting that ended, or in which nobody but bots is left,
    completes a bot that was in it and fails one that never was.
    """

    STOPPED = "stopped"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    REMOVED = "removed"
    MEETING_ENDED = "meeting_ended"
    ALONE = "alone"
    BLOCKED = "blocked"
    NOT_FOUND = "not_found"
    BROWSER_LOST = "browser_lost"

    def end(self, *, was_active: bool) -> BotState:
        """Return the final state of a bot that ends for this cause."""
        fine = self is EndCause.STOPPED or (
            was_active and self in (EndCause.MEETING_ENDED, EndCause.ALONE)
        )
        return BotState.COMPLETED if fine else BotState.FAILED
