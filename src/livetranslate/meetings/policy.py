"""What a bot does about what it sees. Pure: observations and seconds in, a verdict out.

Checks run in a fixed order: an explicit refusal, a block, the lobby, and only then admission; a
lobby that shows the controls of a call is still a lobby. Inside a call, words on the page (a chat
message, a name) mean nothing while the call's own controls are there.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

from livetranslate.meetings.observation import Observation, Participant, Sign
from livetranslate.meetings.states import BotState, EndCause


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a bot bears what, in seconds.

    Attributes:
        join_s: Until the page offers a way in, in all.
        help_s: On a page that says nothing known before it is reported as ``needs_help``.
        lobby_s: In the lobby.
        alone_s: With nobody but bots, once somebody was there.
        empty_s: With nobody but bots from the start.
        lost_s: Without the call's controls and without a word why.
    """

    join_s: float = 120.0
    help_s: float = 20.0
    lobby_s: float = 600.0
    alone_s: float = 60.0
    empty_s: float = 300.0
    lost_s: float = 10.0


class Act(str, Enum):
    """What is to be done on the page."""

    NONE = "none"
    ASK_TO_JOIN = "ask_to_join"
    START_OVER = "start_over"


class Verdict(msgspec.Struct, frozen=True):
    """What follows from a look.

    Attributes:
        state: The bot's state now; ``leaving`` with a cause, or an end.
        cause: Why it ends.
        act: What to do on the page.
    """

    state: BotState
    cause: EndCause | None = None
    act: Act = Act.NONE


_OUTSIDE: tuple[tuple[Sign, EndCause], ...] = (
    (Sign.REFUSED, EndCause.REFUSED),
    (Sign.TIMED_OUT, EndCause.TIMED_OUT),
    (Sign.REMOVED, EndCause.REMOVED),
    (Sign.ENDED, EndCause.MEETING_ENDED),
    (Sign.NOT_FOUND, EndCause.NOT_FOUND),
    (Sign.BLOCKED, EndCause.BLOCKED),
)
"""What ends a bot outside of a call, the first that is seen."""


class MeetingPolicy:
    """The judgement of one bot; remembers since when things are as they are.

    Args:
        patience: How long it bears what.
        is_bot: Tells another bot from a person.
    """

    def __init__(self, patience: Patience, is_bot: Callable[[Participant], bool]) -> None:
        self._patience = patience
        self._is_bot = is_bot
        self._state = BotState.JOINING
        self._since: float | None = None
        self._company: float | None = None
        self._seen_people = False
        self._strange: float | None = None
        self._asked = False
        self.was_active = False

    def start_over(self, now: float) -> None:
        """Note that the page is opened anew; what was said before it counts no more."""
        self._state, self._since = BotState.JOINING, now
        self._strange, self._asked = None, False

    def judge(self, seen: Observation, now: float) -> Verdict:
        """Return what follows.

        Args:
            seen: The page.
            now: Seconds, of any origin, never falling.
        """
        if self._since is None:
            self._since = now
        in_call = Sign.IN_CALL in seen.signs and not seen.signs & {Sign.LOBBY, Sign.PREJOIN}
        if self._state is BotState.ACTIVE and in_call:
            return self._in_call(seen, now)
        for sign, cause in _OUTSIDE:
            if sign in seen.signs and not (in_call and sign is not Sign.REFUSED):
                return Verdict(cause.end(was_active=self.was_active), cause)
        if Sign.LOBBY in seen.signs:
            return self._waiting(now)
        if in_call:
            self._become(BotState.ACTIVE, now)
            self.was_active, self._company = True, now
            return self._in_call(seen, now)
        if self._state is BotState.ACTIVE:
            return self._lost(now)
        return self._outside(seen, now)

    def _for(self, now: float) -> float:
        """Return seconds since the state is what it is."""
        return 0.0 if self._since is None else now - self._since

    def _become(self, state: BotState, now: float) -> None:
        if state is not self._state:
            self._state, self._since = state, now
        self._strange = None

    def _in_call(self, seen: Observation, now: float) -> Verdict:
        self._strange = None
        if any(not (one.is_self or self._is_bot(one)) for one in seen.participants):
            self._company, self._seen_people = now, True
        bears = self._patience.alone_s if self._seen_people else self._patience.empty_s
        if self._company is not None and now - self._company >= bears:
            return Verdict(BotState.LEAVING, EndCause.ALONE)
        return Verdict(BotState.ACTIVE)

    def _waiting(self, now: float) -> Verdict:
        self._become(BotState.AWAITING_ADMISSION, now)
        if self._for(now) >= self._patience.lobby_s:
            return Verdict(BotState.LEAVING, EndCause.TIMED_OUT)
        return Verdict(BotState.AWAITING_ADMISSION)

    def _lost(self, now: float) -> Verdict:
        if self._strange is None:
            self._strange = now
        if now - self._strange < self._patience.lost_s:
            return Verdict(BotState.ACTIVE)
        return Verdict(BotState.JOINING, act=Act.START_OVER)

    def _outside(self, seen: Observation, now: float) -> Verdict:
        """Judge a page that is not in a call yet."""
        joining = self._state is not BotState.AWAITING_ADMISSION
        if joining and self._for(now) >= self._patience.join_s:
            return Verdict(BotState.FAILED, EndCause.TIMED_OUT)
        if Sign.PREJOIN in seen.signs:
            self._strange = None
            act = Act.NONE if self._asked else Act.ASK_TO_JOIN
            self._asked = True
            return Verdict(BotState.JOINING, act=act)
        if self._strange is None:
            self._strange = now
        strange_s = now - self._strange
        if Sign.SIGN_IN in seen.signs or strange_s >= self._patience.help_s:
            return Verdict(BotState.NEEDS_HELP)
        return Verdict(self._state)
