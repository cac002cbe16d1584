"""What an adapter sees on a meeting's page at one moment."""

from __future__ import annotations

from enum import Enum

import msgspec


class Sign(str, Enum):
    """Something the page says, by its texts or its controls."""

    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    REMOVED = "removed"
    ENDED = "ended"
    BLOCKED = "blocked"
    NOT_FOUND = "not_found"
    LOBBY = "lobby"
    PREJOIN = "prejoin"
    IN_CALL = "in_call"
    SIGN_IN = "sign_in"


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the list.

    Attributes:
        id: The page's own id of the participant.
        name: As shown.
        is_self: Whether it is this bot.
    """

    id: str
    name: str
    is_self: bool = False


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A look at the page.

    Attributes:
        signs: What it says.
        participants: Who is on the list; empty outside of a call.
    """

    signs: frozenset[Sign] = frozenset()
    participants: tuple[Participant, ...] = ()
