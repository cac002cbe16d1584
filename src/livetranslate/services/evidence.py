"""Evidence of who speaks, told in the times of the session or of the meeting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from livetranslate.domain.errors import Conflict, InvalidInput
from livetranslate.domain.speakers import SpeakerEvidence, SpeakerSource
from livetranslate.services.timekeeping import UNIX_FROM, MeetingTime, Timekeeper, reading
from livetranslate.sessions.clocks import EPOCH, Axis
from livetranslate.timing.estimate import ClockEstimate


class EvidenceClock(str, Enum):
    """Whose times evidence is told in."""

    SESSION = "session"
    MEETING = "meeting"


class EvidenceIn(msgspec.Struct, frozen=True, kw_only=True):
    """What was observed.

    Attributes:
        source: Where it comes from.
        speaker_name: The name.
        speaker_id: Recognised speaker that it is about.
        external_id: Participant's id in the meeting.
        clock: Whose times ``start`` and ``end`` are.
        start: When that participant began to speak: seconds from the session's first sample, or
            seconds or ISO 8601 on the meeting's clock.
        end: When he stopped.
        text: What he said, for captions.
        confidence: 0-1 of the source itself; None where it has none.
        time_offset: Seconds that the sender took off the meeting's clock; on the meeting's clock
            they are found here.
        details: More that is to be kept with it.
    """

    source: SpeakerSource
    speaker_name: str
    speaker_id: str | None = None
    external_id: str | None = None
    clock: EvidenceClock = EvidenceClock.SESSION
    start: MeetingTime | None = None
    end: MeetingTime | None = None
    text: str | None = None
    confidence: float | None = None
    time_offset: float | None = None
    details: dict[str, Any] = {}


async def placed(
    session_id: str, observed: Sequence[EvidenceIn], timekeeper: Timekeeper | None
) -> list[SpeakerEvidence]:
    """Return evidence with its times on the session's clock; what was before it is left out.

    Raises:
        InvalidInput: A time makes no sense; ``field`` names it.
        NotFound: There is no such session.
        Conflict: Times are the meeting's, and nothing was observed of its clock yet.
    """
    found: list[SpeakerEvidence] = []
    clock: tuple[ClockEstimate, Axis] | None = None
    for at, one in enumerate(observed):
        place = f"evidence[{at}]"
        if one.clock is EvidenceClock.SESSION:
            found.append(_evidence(one, _seconds(one.start, place), _seconds(one.end, place)))
            continue
        if one.start is None or one.end is None:
            raise InvalidInput(
                f"{place} is on the meeting's clock and needs start and end", field=f"{place}.start"
            )
        if clock is None:
            clock = await meeting_clock(session_id, timekeeper)
        start, end = reading(one.start, f"{place}.start"), reading(one.end, f"{place}.end")
        corrected = _corrected(one, start, end, *clock)
        if corrected is not None:
            found.append(corrected)
    return found


async def meeting_clock(
    session_id: str, timekeeper: Timekeeper | None
) -> tuple[ClockEstimate, Axis]:
    """Return the meeting's clock and the session's axis; raises Conflict before it is known."""
    clock = None if timekeeper is None else await timekeeper.meeting_clock(session_id)
    if timekeeper is None or clock is None:
        raise Conflict(
            "nothing was observed of the meeting's clock yet: send pairs of meeting_time and "
            "session_s, or captions, to /api/audio/timing, or times of the session's own clock",
            field="clock",
        )
    return clock, (await timekeeper.axis(session_id))[1]


def by_meeting_clock(clock: ClockEstimate) -> Callable[[datetime], float]:
    """Return what turns a meeting's dates into seconds of the session; raises Conflict."""
    if clock.to_reading(0.0) < UNIX_FROM:
        raise Conflict(
            "the meeting's clock was observed in times of its own, and these are dates",
            field="clock",
        )
    return lambda moment: clock.to_session((moment - EPOCH).total_seconds())


def _corrected(
    one: EvidenceIn, start: float, end: float, clock: ClockEstimate, axis: Axis
) -> SpeakerEvidence | None:
    """Return evidence on the session's clock; None if it was over at the session's begin."""
    from_s, to_s = max(0.0, clock.to_session(start)), clock.to_session(end)
    if start < end and to_s <= from_s:
        return None
    zero = (axis.to_wall(0.0) - EPOCH).total_seconds() if start >= UNIX_FROM else 0.0
    corrected = _evidence(one, from_s, to_s)
    return msgspec.structs.replace(
        corrected,
        time_offset=round(clock.to_reading(from_s) - from_s - zero, 4),
        details={
            **one.details,
            "clock": one.clock.value,
            "uncertainty_s": round(clock.uncertainty_at(from_s), 4),
        },
    )


def _evidence(one: EvidenceIn, start: float | None, end: float | None) -> SpeakerEvidence:
    return SpeakerEvidence(
        source=one.source,
        speaker_name=one.speaker_name,
        speaker_id=one.speaker_id,
        external_id=one.external_id,
        start=start,
        end=end,
        text=one.text,
        confidence=one.confidence,
        time_offset=one.time_offset,
        details=one.details,
    )


def _seconds(time: MeetingTime | None, place: str) -> float | None:
    if isinstance(time, str):
        raise InvalidInput(
            f"{place}: the session's clock counts seconds; a date needs clock=meeting",
            field=f"{place}.start",
        )
    return time
