"""A rehearsal's room: who knocks, who is in, who speaks. Knows no network."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from livetranslate.domain.errors import Conflict, NotFound

Say = Callable[[dict[str, Any]], None]
"""Sends a message to somebody's page."""


class Place(str, Enum):
    """Where a guest is."""

    LOBBY = "lobby"
    CALL = "call"
    GONE = "gone"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in the call.

    Attributes:
        id: The room's name for the person.
        name: As shown.
    """

    id: str
    name: str


class Guest:
    """Somebody who came with a page of their own: a bot, or a person.

    Args:
        person: Who.
        say: Sends to the page.
    """

    def __init__(self, person: Person, say: Say) -> None:
        self.person = person
        self.say = say
        self.place = Place.LOBBY


class Room:
    """One meeting.

    Args:
        code: Its code, the end of its address.
        host: Name of the host, who is always there.

    Attributes:
        on_knock: Called with a guest that waits in the lobby.
    """

    def __init__(self, code: str, host: str = "Hanna Host") -> None:
        self.code = code
        self.ended = False
        self.on_knock: Callable[[Guest], None] | None = None
        self._numbers = itertools.count(1)
        self._host = Person(id="host", name=host)
        self._cast: dict[str, Person] = {"host": self._host}
        self._guests: dict[str, Guest] = {}
        self._stage: Say | None = None
        self._speaking: set[str] = set()

    @property
    def people(self) -> list[Person]:
        """Who is in the call, the cast first."""
        return [*self._cast.values(), *(one.person for one in self.inside)]

    @property
    def inside(self) -> list[Guest]:
        """Guests in the call."""
        return [one for one in self._guests.values() if one.place is Place.CALL]

    def guest(self, guest_id: str) -> Guest:
        """Return a guest; raises NotFound."""
        if guest_id not in self._guests:
            raise NotFound(f"there is no guest {guest_id}")
        return self._guests[guest_id]

    # The cast, which plays on the stage's page

    def set_stage(self, say: Say | None) -> None:
        """Note the page on which the cast plays, or that it is gone."""
        self._stage = say
        if say is not None:
            for guest in self._guests.values():
                if guest.place is Place.CALL:
                    say({"type": "listener", "id": guest.person.id})

    @property
    def has_stage(self) -> bool:
        """Whether the cast can be heard."""
        return self._stage is not None

    def join(self, name: str) -> Person:
        """Let somebody of the cast come in."""
        person = Person(id=f"person-{next(self._numbers)}", name=name)
        self._cast[person.id] = person
        self._tell_people()
        return person

    def go(self, person_id: str) -> None:
        """Let somebody of the cast go."""
        self._cast.pop(person_id, None)
        self._speaking.discard(person_id)
        self._tell_people()

    def play(self, person_id: str, url: str, cue: str) -> None:
        """Let somebody of the cast speak a recording; the stage tells when it is ``played``."""
        if self._stage is None:
            raise Conflict("the stage is not open")
        self._stage({"type": "play", "id": person_id, "url": url, "cue": cue})

    def speaking(self, person_id: str, on: bool) -> None:
        """Show that somebody speaks, or no longer does."""
        (self._speaking.add if on else self._speaking.discard)(person_id)
        self._tell_all({"type": "speaking", "ids": sorted(self._speaking)})

    # Guests

    def knock(self, name: str, say: Say) -> Guest:
        """Put somebody into the lobby."""
        guest = Guest(Person(id=f"guest-{next(self._numbers)}", name=name), say)
        if self.ended:
            guest.place = Place.GONE
            say({"type": "ended"})
            return guest
        self._guests[guest.person.id] = guest
        say({"type": "lobby", "id": guest.person.id})
        if self.on_knock is not None:
            self.on_knock(guest)
        return guest

    def admit(self, guest: Guest) -> None:
        """Let a guest in from the lobby."""
        if guest.place is not Place.LOBBY:
            raise Conflict(f"{guest.person.name} is not in the lobby")
        guest.place = Place.CALL
        guest.say({"type": "admitted", "id": guest.person.id})
        self._tell_people()
        if self._stage is not None:
            self._stage({"type": "listener", "id": guest.person.id})

    def refuse(self, guest: Guest) -> None:
        """Refuse a guest."""
        self._send_away(guest, "refused")

    def remove(self, guest: Guest) -> None:
        """Remove a guest from the call."""
        self._send_away(guest, "removed")

    def ignore(self, guest: Guest) -> None:
        """Tell a guest that nobody answered."""
        self._send_away(guest, "unanswered")

    def end(self) -> None:
        """End the meeting for everyone."""
        self.ended = True
        for guest in list(self._guests.values()):
            self._send_away(guest, "ended")

    def leave(self, guest: Guest) -> None:
        """Note that a guest has gone."""
        self._forget(guest)

    def signal(self, sender: str, data: dict[str, Any], to: str | None = None) -> None:
        """Pass an offer, an answer or a candidate on: from a guest to the stage, or back."""
        message = {"type": "signal", "id": sender, "data": data}
        if to is None:
            if self._stage is not None:
                self._stage(message)
        elif to in self._guests:
            self._guests[to].say(message)

    def _send_away(self, guest: Guest, word: str) -> None:
        if guest.place is not Place.GONE:
            guest.say({"type": word})
            self._forget(guest)

    def _forget(self, guest: Guest) -> None:
        if guest.place is Place.GONE:
            return
        was_inside, guest.place = guest.place is Place.CALL, Place.GONE
        del self._guests[guest.person.id]
        if was_inside:
            if self._stage is not None:
                self._stage({"type": "gone", "id": guest.person.id})
            self._tell_people()

    def _tell_people(self) -> None:
        people = [{"id": one.id, "name": one.name} for one in self.people]
        self._tell_all({"type": "people", "people": people})

    def _tell_all(self, message: dict[str, Any]) -> None:
        for guest in self._guests.values():
            if guest.place is Place.CALL:
                guest.say(message)
