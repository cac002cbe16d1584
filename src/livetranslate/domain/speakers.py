"""Who a recognised speaker is: sources in order of trust, evidence, and what was concluded."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

import msgspec

from livetranslate.domain.errors import InvalidInput

MAX_NAME = 200
MAX_TEXT = 2_000


class SpeakerSource(str, Enum):
    """Where a speaker's name comes from, in order of trust."""

    MANUAL = "manual"
    MEETING_API = "meeting_api"
    TRACK = "track"
    ACTIVE_SPEAKER = "active_speaker"
    CAPTIONS = "captions"
    EMBEDDING = "embedding"
    DIARIZATION = "diarization"

    @property
    def rank(self) -> int:
        """0 for the most trusted."""
        return _ORDER.index(self)


_ORDER = list(SpeakerSource)


class SpeakerEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A hint at who somebody is. It is about a recognised speaker, a stretch of time, or a text.

    Attributes:
        source: Where it comes from.
        speaker_name: The name.
        speaker_id: Recognised speaker that it is about (``SPEAKER_00``, or a track's).
        external_id: Participant's id in the meeting.
        start: Seconds from the session's first sample at which that participant began to speak.
        end: Seconds at which he stopped.
        text: What he said, for captions.
        confidence: 0-1 of the source itself; None where it has none.
        identity_id: Voice known across sessions.
        time_offset: Seconds that were taken off the meeting's clock, if they were.
        details: More that is to be kept with it.
    """

    source: SpeakerSource
    speaker_name: str
    speaker_id: str | None = None
    external_id: str | None = None
    start: float | None = None
    end: float | None = None
    text: str | None = None
    confidence: float | None = None
    identity_id: int | None = None
    time_offset: float | None = None
    details: dict[str, Any] = {}


class Correlation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A recognised speaker of a session and who that is, by one method.

    Attributes:
        speaker_id: Recognised speaker, such as ``SPEAKER_00``.
        speaker_name: The name; None while there is none.
        method: How it was found.
        confidence: 0-1; None where not measured.
        external_id: Participant's id in the meeting.
        identity_id: Voice known across sessions.
        evidence: What it rests on.
        valid_from: Seconds from the session's first sample; None from the beginning.
        valid_to: Seconds; None to the end.
        time_offset: Seconds between the meeting's clock and the session's.
    """

    speaker_id: str
    speaker_name: str | None
    method: SpeakerSource
    confidence: float | None = None
    external_id: str | None = None
    identity_id: int | None = None
    evidence: dict[str, Any] = {}
    valid_from: float | None = None
    valid_to: float | None = None
    time_offset: float | None = None


def check_evidence(evidence: SpeakerEvidence) -> SpeakerEvidence:
    """Return evidence that makes sense, its name without blanks around; raises InvalidInput."""
    name = " ".join(evidence.speaker_name.replace("\x00", "").split())
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidInput(f"speaker_name has 1-{MAX_NAME} characters", field="speaker_name")
    for field in ("speaker_id", "external_id"):
        value = getattr(evidence, field)
        if value is not None and not 0 < len(value) <= MAX_NAME:
            raise InvalidInput(f"{field} has 1-{MAX_NAME} characters", field=field)
    if evidence.text is not None and len(evidence.text) > MAX_TEXT:
        raise InvalidInput(f"text has at most {MAX_TEXT} characters", field="text")
    if evidence.confidence is not None and not 0 <= evidence.confidence <= 1:
        raise InvalidInput("confidence is a number from 0 to 1", field="confidence")
    _check_times(evidence.start, evidence.end)
    if evidence.source is SpeakerSource.DIARIZATION:
        raise InvalidInput("diarization gives labels, not names", field="source")
    about = (evidence.speaker_id, evidence.start, evidence.text)
    if all(one is None for one in about):
        raise InvalidInput(
            "say whom this is about: speaker_id, or start and end, or text", field="speaker_id"
        )
    return msgspec.structs.replace(evidence, speaker_name=name)


def _check_times(start: float | None, end: float | None) -> None:
    if (start is None) != (end is None):
        missing = "start" if start is None else "end"
        raise InvalidInput(f"{missing} is missing: a stretch has both ends", field=missing)
    if start is None or end is None:
        return
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end):
        raise InvalidInput("start and end are seconds, 0 <= start < end", field="start")
