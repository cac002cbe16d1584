"""How bots run; defaults are for one machine."""

from __future__ import annotations

import msgspec

from livetranslate.meetings import meet
from livetranslate.meetings.policy import Patience


class BotOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How bots run.

    Attributes:
        executable: Chromium's path; None looks for it.
        profile: A stored profile of the operator's, copied for each bot; None joins as a guest.
        max_bots: Bots at once.
        hosts: Hosts of meetings that may be joined.
        rehearsal_origin: Origin of the rehearsal's page, if one runs.
        patience: How long a bot bears what.
        look_s: Seconds between looks at the page.
        start_s: Seconds that a browser has to start and to open a page.
        restarts: Times that a lost browser or page is opened anew in a row.
        steady_s: Seconds in a call after which earlier restarts are forgotten.
    """

    executable: str | None = None
    profile: str | None = None
    max_bots: int = 20
    hosts: tuple[str, ...] = meet.HOSTS
    rehearsal_origin: str | None = None
    patience: Patience = Patience()
    look_s: float = 0.5
    start_s: float = 60.0
    restarts: int = 3
    steady_s: float = 60.0


class BotRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What one bot is to do.

    Attributes:
        meeting_url: Where to.
        bot_name: Name it joins with.
        camera: Whether it is seen, with subtitles for a picture.
    """

    meeting_url: str
    bot_name: str = "LiveTranslate (captions bot)"
    camera: bool = False
