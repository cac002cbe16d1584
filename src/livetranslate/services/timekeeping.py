"""The clocks of a session and of its meeting: what was observed of them, and what follows from it.

All state is in the database, so any instance answers for any session.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from livetranslate.domain.errors import Conflict, InvalidInput
from livetranslate.sessions.clock import Clock, SystemClock
from livetranslate.sessions.clocks import (
    AUDIO_CLOCK,
    EPOCH,
    MEETING_CLOCK,
    Axis,
    Timing,
    axis_of,
    clock_of,
    kept,
    with_observations,
)
from livetranslate.sessions.notes import SessionNotes
from livetranslate.storage.timeline import SessionClocks, SessionTimeline
from livetranslate.timing.estimate import ClockEstimate, Synchronisation
from livetranslate.timing.fitting import estimate
from livetranslate.timing.observations import Observation, ObservationKind, observation
from livetranslate.timing.pairing import Caption, HeardWord, pair_captions, pair_turns

MOST = 5000
"""Observations, captions, turns or times in one call."""
UNIX_FROM = 1e9
"""Readings from here on (September 2001) are Unix time; smaller ones count from elsewhere."""
ONSET_PAUSE_S = 0.5
"""Speech after such a pause is a begin that an active speaker may be seen by."""

MeetingTime = float | str
"""Seconds on the meeting's clock, or ISO 8601."""


class PairIn(msgspec.Struct, frozen=True, kw_only=True):
    """A moment on both clocks."""

    meeting_time: MeetingTime
    session_s: float
    kind: ObservationKind = ObservationKind.SYNC
    uncertainty_s: float | None = None


class CaptionIn(msgspec.Struct, frozen=True, kw_only=True):
    """A caption of the meeting and when it first appeared."""

    text: str
    meeting_time: MeetingTime


class TurnIn(msgspec.Struct, frozen=True, kw_only=True):
    """When another speaker became the active one."""

    meeting_time: MeetingTime


class AlignIn(msgspec.Struct, frozen=True, kw_only=True):
    """Times to be told on the other clock."""

    meeting_times: tuple[MeetingTime, ...] = ()
    session_s: tuple[float, ...] = ()


class TimingIn(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /api/audio/timing``."""

    session_id: str
    observations: tuple[PairIn, ...] = ()
    captions: tuple[CaptionIn, ...] = ()
    active_speaker: tuple[TurnIn, ...] = ()
    align: AlignIn | None = None


class Timekeeper:
    """Answers for the clocks of all sessions.

    Args:
        timeline: Reads.
        notes: Writes.
        clock: Tells when something was noted.
    """

    def __init__(
        self, timeline: SessionTimeline, notes: SessionNotes, clock: Clock | None = None
    ) -> None:
        self._timeline = timeline
        self._notes = notes
        self._clock = clock or SystemClock()

    async def axis(self, session_id: str) -> tuple[SessionClocks, Axis]:
        """Return what is known of a session's clocks, and its axis; raises NotFound."""
        clocks = await self._timeline.clocks(session_id)
        return clocks, axis_of(clocks.first_sample_at, clocks.begun_at, clocks.timing)

    async def meeting_clock(self, session_id: str) -> ClockEstimate | None:
        """Return how the meeting's clock stands to a session's; None before it was observed."""
        return clock_of((await self._timeline.clocks(session_id)).timing, MEETING_CLOCK)

    async def describe(self, session_id: str) -> dict[str, Any]:
        """Return alignment, drift and quality of a session's clocks; raises NotFound."""
        clocks, axis = await self.axis(session_id)
        return _described(session_id, clocks.first_sample_at, axis, clocks.timing)

    async def take(self, asked: TimingIn) -> dict[str, Any]:
        """Add observations, align times, and return what ``describe`` does beside them.

        Raises:
            NotFound: There is no such session.
            InvalidInput: A time makes no sense, or there are too many; ``field`` names it.
            Conflict: Times are to be aligned, and nothing was observed yet.
        """
        for field in ("observations", "captions", "active_speaker"):
            _few(field, getattr(asked, field))
        pairs = [_pair(one, f"observations[{at}]") for at, one in enumerate(asked.observations)]
        captions = [
            Caption(one.text, reading(one.meeting_time, f"captions[{at}].meeting_time"))
            for at, one in enumerate(asked.captions)
        ]
        turns = [
            reading(one.meeting_time, f"active_speaker[{at}].meeting_time")
            for at, one in enumerate(asked.active_speaker)
        ]
        align = _readable(asked.align) if asked.align else None
        clocks, axis = await self.axis(asked.session_id)
        timing = clocks.timing
        found = await self._found(asked.session_id, captions, turns, timing, pairs)
        new = [*pairs, *(one for some in found.values() for one in some)]
        if new:
            timing = await self._add(asked.session_id, new)
        answer = _described(asked.session_id, clocks.first_sample_at, axis, timing)
        answer["added"] = {
            "observations": len(pairs),
            **{name: len(some) for name, some in found.items()},
        }
        if align is not None:
            answer["aligned"] = _aligned(align, clock_of(timing, MEETING_CLOCK), axis)
        return answer

    async def _found(
        self,
        session_id: str,
        captions: Sequence[Caption],
        turns: Sequence[float],
        timing: Timing,
        pairs: Sequence[Observation],
    ) -> dict[str, list[Observation]]:
        """Return the observations that a meeting's captions and turns make with what was heard."""
        if not captions and not turns:
            return {"captions": [], "active_speaker": []}
        heard = await self._timeline.heard(session_id)
        words: list[HeardWord] = []
        onsets: list[float] = []
        last: tuple[str | None, float] = (None, -math.inf)
        for row in heard:
            if row["speaker_id"] != last[0] or row["start_time"] - last[1] >= ONSET_PAUSE_S:
                onsets.append(row["start_time"])
            last = (row["speaker_id"], row["end_time"] or row["start_time"])
            words += [
                HeardWord(word["word"], word["start"])
                for word in row["words"]
                if word["start"] is not None
            ]
        by_text = pair_captions(captions, words)
        known = estimate([*kept(timing, MEETING_CLOCK), *pairs, *by_text])
        by_turn = pair_turns(turns, onsets, known)
        return {"captions": by_text, "active_speaker": by_turn}

    async def _add(self, session_id: str, new: Sequence[Observation]) -> Timing:
        before: Timing = {}

        def change(timing: Timing) -> Timing:
            before.clear()
            before.update(timing)
            return with_observations(timing, MEETING_CLOCK, new)

        timing = await self._notes.change_timing(session_id, change)
        old, now = clock_of(before, MEETING_CLOCK), clock_of(timing, MEETING_CLOCK)
        if now is None:
            return timing
        if len(now.jumps) > (len(old.jumps) if old else 0):
            at_s, by_s = now.jumps[-1]
            told = {"clock": MEETING_CLOCK, "at_s": round(at_s, 3), "by_s": round(by_s, 3)}
            await self._tell(session_id, "clock_jump", "warning", told)
        if old is None or old.synchronisation is not now.synchronisation:
            await self._tell(session_id, "clock_synchronised", "info", _figures(now))
        return timing

    async def _tell(
        self, session_id: str, event_type: str, severity: str, data: dict[str, Any]
    ) -> None:
        at = self._clock.utc()
        await self._notes.note(
            session_id, event_type, severity=severity, source="timing", data=data, at=at
        )


def reading(time: MeetingTime, field: str) -> float:
    """Return a time of the meeting in seconds: Unix time where it was a date.

    Raises:
        InvalidInput: It is neither a finite number nor a date with its zone.
    """
    if isinstance(time, str):
        try:
            moment = datetime.fromisoformat(time)
        except ValueError as error:
            message = f"{field} is a number of seconds or a time such as 2026-01-31T12:00:00Z"
            raise InvalidInput(message, field=field) from error
        if moment.tzinfo is None:
            raise InvalidInput(f"{field} names no time zone; end it with Z for UTC", field=field)
        return (moment - EPOCH).total_seconds()
    if not math.isfinite(time):
        raise InvalidInput(f"{field} is a finite number of seconds", field=field)
    return time


def _pair(one: PairIn, place: str) -> Observation:
    read = reading(one.meeting_time, f"{place}.meeting_time")
    try:
        return observation(one.session_s, read, one.kind, one.uncertainty_s)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error.message}", field=f"{place}.{error.field}") from error


def _few(field: str, several: Sequence[object]) -> None:
    if len(several) > MOST:
        raise InvalidInput(f"{field} has more than {MOST} entries; send them in parts", field=field)


def _readable(asked: AlignIn) -> list[tuple[str, MeetingTime, float]]:
    """Return which clock each time to be aligned is of, as it came, and in seconds."""
    _few("align.meeting_times", asked.meeting_times)
    _few("align.session_s", asked.session_s)
    found: list[tuple[str, MeetingTime, float]] = []
    for at, time in enumerate(asked.meeting_times):
        found.append(("meeting", time, reading(time, f"align.meeting_times[{at}]")))
    for at, time in enumerate(asked.session_s):
        found.append(("session", time, reading(time, f"align.session_s[{at}]")))
    return found


def _aligned(
    asked: Sequence[tuple[str, MeetingTime, float]], clock: ClockEstimate | None, axis: Axis
) -> dict[str, list[dict[str, Any]]]:
    if clock is None:
        raise Conflict(
            "nothing was observed of the meeting's clock yet: send pairs of meeting_time and "
            "session_s in observations, or captions",
            field="align",
        )
    answer: dict[str, list[dict[str, Any]]] = {"meeting_times": [], "session_s": []}
    for of, as_it_came, seconds in asked:
        to_session = of == "meeting"
        session_s = clock.to_session(seconds) if to_session else seconds
        told = {
            "session_s": round(session_s, 4),
            "meeting_time": as_it_came if to_session else round(clock.to_reading(seconds), 4),
            "at": _moment(axis, session_s),
            "uncertainty_s": round(clock.uncertainty_at(session_s), 4),
        }
        answer["meeting_times" if to_session else "session_s"].append(told)
    return answer


def _moment(axis: Axis, session_s: float) -> datetime | None:
    try:
        return axis.to_wall(session_s)
    except OverflowError:
        return None


def _described(
    session_id: str, first_sample_at: datetime | None, axis: Axis, timing: Timing
) -> dict[str, Any]:
    audio, meeting = clock_of(timing, AUDIO_CLOCK), clock_of(timing, MEETING_CLOCK)
    quality = meeting.quality if meeting else 0.0
    synchronisation = meeting.synchronisation if meeting else Synchronisation.NONE
    return {
        "session_id": session_id,
        "first_sample_at": first_sample_at,
        "axis": axis.source.value,
        "quality": round(quality, 4),
        "synchronisation": synchronisation.value,
        "meeting": _meeting(meeting, axis) if meeting else None,
        "audio": _figures(audio) if audio else None,
    }


def _meeting(clock: ClockEstimate, axis: Axis) -> dict[str, Any]:
    """Return the figures of a meeting's clock.

    ``offset_s`` is how far it was ahead at the session's first sample: of the time of day where it
    counts Unix time, else of the session's own zero.
    """
    at_first = clock.to_reading(0.0)
    unix = at_first >= UNIX_FROM
    zero = (axis.to_wall(0.0) - EPOCH).total_seconds() if unix else 0.0
    return {
        "offset_s": round(at_first - zero, 4),
        "counts": "unix_time" if unix else "own_time",
        **_figures(clock),
    }


def _figures(clock: ClockEstimate) -> dict[str, Any]:
    return {
        "drift_ppm": round(clock.drift_ppm, 2),
        "drift_uncertainty_ppm": round(clock.drift_uncertainty_ppm, 2),
        "residual_s": round(clock.residual_s, 4),
        "uncertainty_s": round(clock.uncertainty_s, 4),
        "quality": round(clock.quality, 4),
        "synchronisation": clock.synchronisation.value,
        "observations": clock.observations,
        "outliers": clock.outliers,
        "until_s": clock.until_s,
        "jumps": [{"at_s": round(at, 3), "by_s": round(by, 3)} for at, by in clock.jumps],
    }
