"""Who a session's recognised speakers are: what is known, manual mapping, and evidence of others.

``POST`` takes one mapping (``speaker_id`` and ``speaker_name``), several (``mappings``), or what a
meeting bot or another observer saw (``evidence``: who spoke when, or what captions said), or names
a Google Meet conference to ask (``google_meet``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from livetranslate.domain.errors import BackendUnavailable, InvalidInput
from livetranslate.domain.session import check_session_id
from livetranslate.domain.speakers import Correlation, SpeakerEvidence, SpeakerSource
from livetranslate.domain.wire import convert, invalid
from livetranslate.services.evidence import (
    EvidenceClock,
    EvidenceIn,
    by_meeting_clock,
    meeting_clock,
    placed,
)
from livetranslate.services.google_meet import GoogleMeet, MeetOptions, meeting_evidence
from livetranslate.services.timekeeping import Timekeeper
from livetranslate.sessions.naming import SpeakerNaming, StoredCorrelation, best_of

MOST_AT_ONCE = 500

SessionId = Annotated[str, Query(description="The session.")]


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """A person's word on who somebody is: a speaker, or whoever speaks in a stretch of time.

    Attributes:
        speaker_id: Label or track, such as ``SPEAKER_00``.
        speaker_name: The name.
        external_id: Participant's id in the meeting.
        start: Seconds from the session's first sample; for a session without labels.
        end: Seconds.
    """

    speaker_name: str
    speaker_id: str | None = None
    external_id: str | None = None
    start: float | None = None
    end: float | None = None


class Conference(msgspec.Struct, frozen=True, kw_only=True):
    """A conference of Google Meet whose transcripts are to be read.

    Attributes:
        meeting_code: Such as ``abc-mnop-xyz``; its newest conference counts.
        conference: The resource's name, ``conferenceRecords/…``, in place of the code.
        clock: ``session`` for the time of day less ``offset_s``, ``meeting`` for the meeting's
            clock as it was observed (``/api/audio/timing``), with its drift.
        offset_s: Seconds by which the meeting's clock is ahead of the session's.
    """

    meeting_code: str | None = None
    conference: str | None = None
    clock: EvidenceClock = EvidenceClock.SESSION
    offset_s: float = 0.0


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a ``POST``.

    Attributes:
        session_id: The session, live or ended.
        mappings: Manual mappings.
        evidence: What was observed, on the session's clock or the meeting's.
        google_meet: A conference to ask.
    """

    session_id: str
    mappings: tuple[Mapping, ...] = ()
    evidence: tuple[EvidenceIn, ...] = ()
    google_meet: Conference | None = None


def correlations_router(
    naming: SpeakerNaming,
    meet: MeetOptions | None = None,
    timekeeper: Timekeeper | None = None,
) -> APIRouter:
    """Return the routes of ``/api/audio/correlations``.

    Args:
        naming: Takes names and evidence.
        meet: An account of Google Meet, if there is one.
        timekeeper: Knows the meetings' clocks; None where nothing is kept.
    """
    router = APIRouter(prefix="/api/audio", tags=["speakers"])

    @router.get("/correlations", summary="Who the speakers of a session are, and why")
    async def list_correlations(session_id: SessionId) -> Response:
        found = await naming.correlations(check_session_id(session_id))
        return _json(_described(session_id, found))

    @router.post("/correlations", summary="Name speakers, or send evidence of who speaks")
    async def add_correlations(request: Request) -> Response:
        posted, mappings = _read(await request.body())
        evidence = [*map(_manual, mappings)]
        evidence += await placed(posted.session_id, posted.evidence, timekeeper)
        if posted.google_meet is not None:
            evidence += await _asked(naming, meet, posted, posted.google_meet, timekeeper)
        done = await naming.add(posted.session_id, evidence)
        answer = {
            "session_id": posted.session_id,
            "accepted": len(evidence),
            "status": "applied" if done else "accepted",
        }
        return _json(answer, status=200 if done else 202)

    _ = (list_correlations, add_correlations)
    return router


def _read(body: bytes) -> tuple[Posted, list[Mapping]]:
    """Return what was posted and all mappings in it; raises InvalidInput."""
    try:
        given = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(error) from error
    posted = convert(given, Posted)
    check_session_id(posted.session_id)
    mappings = list(posted.mappings)
    if "speaker_name" in given:
        mappings.append(convert(given, Mapping))
    several = len(mappings) + len(posted.evidence)
    if several > MOST_AT_ONCE or not (several or posted.google_meet):
        raise InvalidInput(
            f"send speaker_id with speaker_name, mappings or evidence, 1-{MOST_AT_ONCE} in all",
            field="speaker_name",
        )
    return posted, mappings


async def _asked(
    naming: SpeakerNaming,
    options: MeetOptions | None,
    posted: Posted,
    wanted: Conference,
    timekeeper: Timekeeper | None,
) -> list[SpeakerEvidence]:
    """Return what Google Meet knows of a session's conference."""
    if options is None:
        raise BackendUnavailable(
            "no Google Meet account: set GOOGLE_MEET_CLIENT_ID, GOOGLE_MEET_CLIENT_SECRET and "
            "GOOGLE_MEET_REFRESH_TOKEN"
        )
    if wanted.clock is EvidenceClock.MEETING:
        to_session_s = by_meeting_clock((await meeting_clock(posted.session_id, timekeeper))[0])
    else:
        to_session_s = _by_time_of_day(await naming.begun_at(posted.session_id), wanted.offset_s)
    meet = GoogleMeet(options)
    try:
        conference = wanted.conference
        if conference is None:
            if wanted.meeting_code is None:
                raise InvalidInput(
                    "meeting_code or conference is needed", field="google_meet.meeting_code"
                )
            conference = await meet.conference(wanted.meeting_code)
        return await meeting_evidence(meet, conference, to_session_s)
    finally:
        await meet.close()


def _by_time_of_day(begun: datetime, offset_s: float) -> Callable[[datetime], float]:
    return lambda at: (at - begun).total_seconds() - offset_s


def _manual(mapping: Mapping) -> SpeakerEvidence:
    return SpeakerEvidence(
        source=SpeakerSource.MANUAL,
        speaker_name=mapping.speaker_name,
        speaker_id=mapping.speaker_id,
        external_id=mapping.external_id,
        start=mapping.start,
        end=mapping.end,
    )


def _described(session_id: str, stored: Sequence[StoredCorrelation]) -> dict[str, Any]:
    in_force = best_of([one.correlation for one in stored])
    return {
        "session_id": session_id,
        "speakers": [_plain(one) for one in in_force],
        "correlations": [
            {**_plain(one.correlation), "created_at": one.created_at} for one in stored
        ],
    }


def _plain(correlation: Correlation) -> dict[str, Any]:
    """Return a correlation without the voice itself, which is nobody's business."""
    plain: dict[str, Any] = {
        name: getattr(correlation, name) for name in correlation.__struct_fields__
    }
    plain["evidence"] = {
        name: value for name, value in correlation.evidence.items() if name != "voice"
    }
    return plain


def _json(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
