"""What can go wrong with a bot before it is one."""

from __future__ import annotations

from livetranslate.domain.errors import InvalidInput, LiveTranslateError


class BrowserUnavailable(LiveTranslateError):
    """No browser can be started here; the message names the remedy."""

    code = "browser_unavailable"
    status = 503


class MeetingRefused(InvalidInput):
    """A meeting's address is not one that bots may open."""

    code = "meeting_url_refused"
