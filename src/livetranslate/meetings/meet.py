"""All that is known of Google Meet's page, as data. The rehearsal meeting is built alike.

Texts and accessible roles come first, for they change least; selectors of attributes follow; class
names, which change with every build of the page, are last resorts. The page's language is pinned to
``LOCALE``, so texts are English. A text counts only as a whole line of the page.

Versions: texts and roles as the page of 2025 shows them to guests; they were checked against the
rehearsal meeting of this package, and not against Google's own page.
"""

from __future__ import annotations

from typing import Any

from livetranslate.meetings.observation import Sign

LOCALE = "en-US"
HOSTS = ("meet.google.com",)

TEXTS: dict[Sign, tuple[str, ...]] = {
    Sign.REFUSED: (
        "Someone in the call denied your request to join",
        "Your request to join was denied",
        "You can't join this call because your request was denied",
    ),
    Sign.TIMED_OUT: (
        "No one responded to your request to join the call",
        "No one responded to your request to join",
    ),
    Sign.REMOVED: (
        "You've been removed from the meeting",
        "You were removed from the meeting",
        "You have been removed from the meeting",
    ),
    Sign.ENDED: (
        "The meeting has ended",
        "The call has ended",
        "Your host ended the meeting for everyone",
        "The host ended the meeting for everyone",
    ),
    Sign.BLOCKED: (
        "You can't join this call",
        "You can't join this video call",
        "You're not allowed to join this video call",
    ),
    Sign.NOT_FOUND: (
        "Check your meeting code",
        "Invalid video call name",
        "This meeting link is not valid",
    ),
    Sign.LOBBY: (
        "Asking to be let in",
        "Asking to join",
        "You'll join the call when someone lets you in",
        "Please wait until a meeting host brings you into the call",
        "Waiting for the host to let you in",
    ),
    Sign.SIGN_IN: ("Sign in with your Google Account", "Couldn't sign you in"),
}
"""What the page says; apostrophes of both kinds and the dots at a line's end are alike."""

CONTROLS: dict[str, tuple[str, ...]] = {
    "join": ("Ask to join", "Join now", "Join anyway"),
    "leave": ("Leave call",),
    "microphone_off": ("Turn off microphone",),
    "microphone_on": ("Turn on microphone",),
    "camera_off": ("Turn off camera",),
    "camera_on": ("Turn on camera",),
    "dismiss": ("Got it", "Dismiss", "Continue without microphone and camera"),
    "people": ("People", "Show everyone"),
}
"""Beginnings of the accessible names of buttons, by what they do."""

NAME_FIELD = ("Your name",)
"""Accessible names of the field for a guest's name."""

PARTICIPANT = "[data-participant-id]"
PARTICIPANT_ID = "data-participant-id"
PARTICIPANT_NAMES = ("[data-self-name]", "span.notranslate", "[role='heading']")
"""Where a participant's name is, first found; else its accessible name."""
SELF = ("[data-self-name]", "[data-is-self='true']")
SPEAKING = ("[data-speaking='true']", ".Oaajhc", ".HX2H7", ".wEsLMd", ".OgVli")
"""Marks on or in a participant that speaks."""


def as_json() -> dict[str, Any]:
    """Return what the scripts in the page need."""
    return {
        "texts": {sign.value: list(texts) for sign, texts in TEXTS.items()},
        "controls": {name: list(labels) for name, labels in CONTROLS.items()},
        "nameField": list(NAME_FIELD),
        "participant": PARTICIPANT,
        "participantId": PARTICIPANT_ID,
        "participantNames": list(PARTICIPANT_NAMES),
        "self": list(SELF),
        "speaking": list(SPEAKING),
    }
