"""Evidence of a meeting whose clock is ahead and too fast: names by time alone, and by dates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from livetranslate.domain.session import SessionConfig
from livetranslate.services.api.correlations import correlations_router
from livetranslate.services.api.timing import timing_router
from livetranslate.services.problems import install
from livetranslate.services.timekeeping import Timekeeper
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.naming import SpeakerNaming
from livetranslate.storage.database import Database
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.notes import SqlSessionNotes
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate
from livetranslate.storage.speakers import SqlSpeakers
from livetranslate.storage.timeline import SessionTimeline
from support.events import T0, at, segment

S = "session-1-clocks"
TURN_S = 3.0
BEGINS = [block + TURN_S * n for block in (0.0, 10_800.0) for n in range(60)]
"""Turns without a pause at the begin of a meeting and three hours later."""
OFFSET_S, DRIFT = 2.5, 200e-6


def whose(begin: float) -> str:
    return ("Anna", "Bob", "Carla")[round(begin / TURN_S) % 3]


def meeting(session_s: float) -> float:
    """The meeting's clock: Unix time, ahead at first and too fast."""
    return T0.timestamp() + session_s * (1 + DRIFT) + OFFSET_S


class Api:
    def __init__(self, database: Database) -> None:
        self.database = database
        app = FastAPI()
        install(app)
        timekeeper = Timekeeper(SessionTimeline(database), SqlSessionNotes(database))
        naming = SpeakerNaming(MemorySessionLog(), SqlSpeakers(database))
        app.include_router(correlations_router(naming, None, timekeeper))
        app.include_router(timing_router(timekeeper))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test")

    async def post(self, path: str, status: int = 200, **body: Any) -> Any:
        response = await self.http.post(f"/api/audio/{path}", json={"session_id": S, **body})
        assert response.status_code == status, response.text
        return response.json()

    async def observe(self) -> None:
        pairs = [
            {"session_s": 54.0 * n, "meeting_time": meeting(54.0 * n), "kind": "sync"}
            for n in range(201)
        ]
        await self.post("timing", observations=pairs)

    async def wrong(self) -> tuple[int, int]:
        """Return how many segments at the begin and at the end bear another's name, or none."""
        segments = (await SessionHistory(self.database).transcript(S)).segments
        assert len(segments) == len(BEGINS)
        bad = [one.start or 0.0 for one in segments if one.speaker_name != whose(one.start or 0.0)]
        return sum(begin < 1000 for begin in bad), sum(begin > 1000 for begin in bad)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    database = Database(DatabaseOptions(url=f"sqlite+aiosqlite:///{tmp_path}/clocks.db"))
    await migrate(database)
    records = SqlSessionRecords(database)
    await records.create(S, kind="bot", config=SessionConfig(), created_at=T0)
    await SqlSessionNotes(database).first_sample(S, at(0))
    spoken = [
        msgspec.structs.replace(segment(S, n), start=begin, end=begin + TURN_S, words=())
        for n, begin in enumerate(BEGINS)
    ]
    await records.record(S, spoken)
    made = Api(database)
    yield made
    await made.http.aclose()
    await database.close()


def active(tell: Callable[[float], float | str], **more: Any) -> list[dict[str, Any]]:
    """Return what a bot saw of who is active, with times told as it likes."""
    return [
        {
            "source": "active_speaker",
            "speaker_name": whose(begin),
            "external_id": whose(begin).lower(),
            "start": tell(begin),
            "end": tell(begin + TURN_S),
            **more,
        }
        for begin in BEGINS
    ]


def iso(session_s: float) -> str:
    return datetime.fromtimestamp(meeting(session_s), UTC).isoformat()


@pytest.mark.parametrize("tell", [meeting, iso])
async def test_evidence_on_the_meetings_clock_names_every_segment(
    api: Api, tell: Callable[[float], float | str]
) -> None:
    await api.observe()
    await api.post("correlations", evidence=active(tell, clock="meeting"))
    assert await api.wrong() == (0, 0)
    found = (await api.http.get("/api/audio/correlations", params={"session_id": S})).json()
    offsets = [one["time_offset"] for one in found["correlations"]]
    assert min(offsets) == pytest.approx(OFFSET_S, abs=0.05)
    assert max(offsets) == pytest.approx(OFFSET_S + 10_977 * DRIFT, abs=0.05)
    assert all(one["evidence"]["uncertainty_s"] < 0.05 for one in found["correlations"])


async def test_without_correction_the_names_are_wrong(api: Api) -> None:
    zero = T0.timestamp()
    await api.post("correlations", evidence=active(lambda s: meeting(s) - zero))
    assert await api.wrong() == (60, 60)


async def test_an_offset_alone_is_not_enough_for_long(api: Api) -> None:
    zero = T0.timestamp() + OFFSET_S
    told = active(lambda s: meeting(s) - zero, time_offset=OFFSET_S)
    await api.post("correlations", evidence=told)
    early, late = await api.wrong()
    assert early == 0 and late >= 59


async def test_a_clock_nobody_observed_is_refused_with_what_helps(api: Api) -> None:
    refused = await api.post("correlations", 409, evidence=active(meeting, clock="meeting"))
    assert "/api/audio/timing" in refused["detail"]
    assert await api.wrong() == (60, 60)


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({"clock": "meeting", "start": 3.0}, "evidence[0].start"),
        ({"clock": "meeting", "start": "noon", "end": "one"}, "evidence[0].start"),
        ({"start": iso(0), "end": iso(3)}, "evidence[0].start"),
        ({"clock": "meeting", "start": meeting(3), "end": meeting(2)}, "start"),
        ({"clock": "moon", "start": 0.0, "end": 1.0}, "evidence[0].clock"),
    ],
)
async def test_odd_times_are_refused_by_name(api: Api, times: dict[str, Any], field: str) -> None:
    await api.observe()
    one = {"source": "active_speaker", "speaker_name": "Anna", **times}
    assert (await api.post("correlations", 400, evidence=[one]))["field"] == field


async def test_what_was_before_the_session_counts_for_nothing(api: Api) -> None:
    await api.observe()
    one = {"source": "active_speaker", "speaker_name": "Anna", "clock": "meeting"}
    told = [{**one, "start": meeting(-9.0), "end": meeting(-5.0)}]
    assert (await api.post("correlations", 202, evidence=told))["accepted"] == 0
