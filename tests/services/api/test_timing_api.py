"""Clocks and the timeline over REST, on one database that two instances share."""

from __future__ import annotations

import asyncio
import random
import shutil
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from livetranslate.domain.errors import NotFound
from livetranslate.domain.session import SessionConfig, SessionStatus
from livetranslate.services.api.timeline import timeline_router
from livetranslate.services.api.timing import timing_router
from livetranslate.services.problems import install
from livetranslate.services.timekeeping import Timekeeper
from livetranslate.storage.database import Database
from livetranslate.storage.figures import FiguresReader
from livetranslate.storage.notes import SqlSessionNotes
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate
from livetranslate.storage.timeline import SessionTimeline
from support.events import T0, at, ended, segment, speaker, translation

A = "session-1-aaaaaa"
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()


class Instance:
    """One orchestration instance."""

    def __init__(self, url: str) -> None:
        self.database = Database(DatabaseOptions(url=url))
        self.records = SqlSessionRecords(self.database)
        self.notes = SqlSessionNotes(self.database)
        timeline = SessionTimeline(self.database)
        timekeeper = Timekeeper(timeline, self.notes)
        app = FastAPI()
        install(app)
        app.include_router(timing_router(timekeeper))
        figures = FiguresReader(self.database, ttl_s=0.0, now=lambda: 0.0)
        app.include_router(timeline_router(timeline, timekeeper, figures, self._live))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test")

    async def _live(self, session_id: str) -> dict[str, Any]:
        return {"audio_s": 12.5}

    async def get(self, path: str, **parameters: Any) -> Any:
        response = await self.http.get(path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, **body: Any) -> Any:
        response = await self.http.post("/api/audio/timing", json={"session_id": A, **body})
        assert response.status_code == 200, response.text
        return response.json()

    async def close(self) -> None:
        await self.http.aclose()
        await self.database.close()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables."""
    file = tmp_path_factory.mktemp("migrated") / "empty.db"

    async def make() -> None:
        database = Database(DatabaseOptions(url=f"sqlite+aiosqlite:///{file}"))
        await migrate(database)
        await database.close()

    worker = threading.Thread(target=lambda: asyncio.run(make()))
    worker.start()
    worker.join()
    return file


@pytest.fixture
async def instances(migrated: Path, tmp_path: Path) -> AsyncIterator[tuple[Instance, Instance]]:
    shutil.copyfile(migrated, tmp_path / "api.db")
    url = f"sqlite+aiosqlite:///{tmp_path}/api.db"
    first, second = Instance(url), Instance(url)
    config = SessionConfig(target_languages=("es",))
    await first.records.create(A, kind="bot", config=config, created_at=T0)
    await first.notes.first_sample(A, at(1))
    yield first, second
    await first.close()
    await second.close()


def meeting(session_s: float, offset_s: float = 2.5, ppm: float = 200.0) -> float:
    """The meeting's clock: Unix time, ``offset_s`` ahead at first and too fast by ``ppm``."""
    return at(1).timestamp() + session_s * (1 + ppm * 1e-6) + offset_s


def observed(count: int, seed: int = 1) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [
        {
            "meeting_time": meeting(number * 30.0) + chance.gauss(0, 0.05),
            "session_s": number * 30.0,
            "kind": "caption",
        }
        for number in range(count)
    ]


async def test_the_promised_offset_and_drift_are_corrected_by_any_instance(
    instances: tuple[Instance, Instance],
) -> None:
    first, second = instances
    nothing = await first.get("/api/audio/timing", session_id=A)
    assert (nothing["meeting"], nothing["quality"]) == (None, 0.0)
    assert nothing["synchronisation"] == "none"
    pairs = observed(120)
    for part in range(0, 120, 20):
        found = await (first, second)[part % 40 // 20].post(observations=pairs[part : part + 20])
    assert found["added"] == {"observations": 20, "captions": 0, "active_speaker": 0}
    told = (await second.get("/api/audio/timing", session_id=A))["meeting"]
    assert told["observations"] == 120
    assert told["offset_s"] == pytest.approx(2.5, abs=0.05)
    assert told["drift_ppm"] == pytest.approx(200, abs=25)
    assert (told["counts"], told["synchronisation"]) == ("unix_time", "good")
    times = [0.0, 1000.0, 3600.0]
    answer = await first.post(
        align={"meeting_times": [meeting(time) for time in times], "session_s": times}
    )
    for time, aligned, back in zip(
        times, answer["aligned"]["meeting_times"], answer["aligned"]["session_s"], strict=True
    ):
        assert aligned["session_s"] == pytest.approx(time, abs=0.05)
        assert back["meeting_time"] == pytest.approx(meeting(time), abs=0.05)
    assert answer["aligned"]["meeting_times"][0]["at"].startswith("2026-03-01T12:00:01")
    again = await second.post(observations=pairs)
    assert again["meeting"] == told
    events = await first.get(f"/api/sessions/{A}/events", type="clock_synchronised")
    assert events["events"][-1]["data"]["synchronisation"] == "good"


async def test_captions_and_active_speakers_pair_with_what_was_heard(
    instances: tuple[Instance, Instance],
) -> None:
    first, _ = instances
    chance = random.Random(3)
    texts = [" ".join(chance.sample(NUMBERS, 5)) for _ in range(20)]
    await first.records.record(
        A, [segment(A, 4 * number, text) for number, text in enumerate(texts)]
    )
    iso = [(at(1) + timedelta(seconds=8.0 * number + 2.5)).isoformat() for number in range(20)]
    answer = await first.post(
        captions=[
            {"text": text.title() + "!", "meeting_time": time}
            for text, time in zip(texts, iso, strict=True)
        ],
        active_speaker=[{"meeting_time": time} for time in iso[::2]],
    )
    assert answer["added"] == {"observations": 0, "captions": 20, "active_speaker": 10}
    assert answer["meeting"]["offset_s"] == pytest.approx(2.5, abs=0.01)
    assert answer["meeting"]["residual_s"] < 0.01


async def test_a_meeting_with_a_clock_of_its_own(instances: tuple[Instance, Instance]) -> None:
    pairs = [{"meeting_time": 90.0 + number, "session_s": float(number)} for number in range(40)]
    found = (await instances[0].post(observations=pairs))["meeting"]
    assert (found["offset_s"], found["counts"]) == (pytest.approx(90.0, abs=0.01), "own_time")


async def test_a_meetings_clock_that_is_set_is_told_as_an_event(
    instances: tuple[Instance, Instance],
) -> None:
    pairs = observed(60)
    for one in pairs[30:]:
        one["meeting_time"] += 60.0
    answer = await instances[0].post(observations=pairs)
    [jump] = answer["meeting"]["jumps"]
    assert jump["by_s"] == pytest.approx(60.0, abs=0.1)
    found = await instances[1].get(f"/api/sessions/{A}/events", severity="warning")
    assert [one["event_type"] for one in found["events"]] == ["clock_jump"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "session_id"),
        ({"session_id": "nobody"}, 404, "session_id"),
        ({"session_id": "a b"}, 400, "session_id"),
        (
            {"session_id": A, "observations": [{"session_s": 1}]},
            400,
            "observations[0].meeting_time",
        ),
        (
            {"session_id": A, "observations": [{"session_s": 1, "meeting_time": "noon"}]},
            400,
            "observations[0].meeting_time",
        ),
        (
            {"session_id": A, "captions": [{"text": "x", "meeting_time": "2026-03-01T12:00:00"}]},
            400,
            "captions[0].meeting_time",
        ),
        (
            {
                "session_id": A,
                "observations": [{"session_s": 1, "meeting_time": 2, "uncertainty_s": -1}],
            },
            400,
            "observations[0].uncertainty_s",
        ),
        (
            {"session_id": A, "observations": [{"session_s": 1, "meeting_time": 2, "kind": "x"}]},
            400,
            "observations[0].kind",
        ),
        (
            {"session_id": A, "observations": 5001 * [{"session_s": 1, "meeting_time": 2}]},
            400,
            "observations",
        ),
        ({"session_id": A, "align": {"session_s": [1.0]}}, 409, "align"),
    ],
)
async def test_what_is_wrong_with_a_body_is_named(
    instances: tuple[Instance, Instance], body: dict[str, Any], status: int, field: str
) -> None:
    response = await instances[0].http.post("/api/audio/timing", json=body)
    assert response.status_code == status, response.text
    assert response.json()["field"] == field
    found = await instances[0].get("/api/audio/timing", session_id=A)
    assert found["meeting"] is None


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/api/audio/timing", 422, "session_id"),
        ("/api/audio/timing?session_id=nobody", 404, "session_id"),
        ("/api/sessions/nobody/timeline", 404, "session_id"),
        (f"/api/sessions/{A}/timeline?from=soon", 400, "from"),
        (f"/api/sessions/{A}/timeline?to=nan", 400, "to"),
        (f"/api/sessions/{A}/timeline?from=5&to=5", 400, "from"),
        (f"/api/sessions/{A}/timeline?kinds=odd", 400, "kinds"),
        (f"/api/sessions/{A}/timeline?limit=0", 422, "limit"),
        (f"/api/sessions/{A}/timeline?cursor=odd", 400, "cursor"),
        (f"/api/sessions/{A}/events?cursor=e30x", 400, "cursor"),
        (f"/api/sessions/{A}/events?severity=odd", 422, "severity"),
        (f"/api/sessions/{A}/events?type=%00", 400, "type"),
        ("/api/sessions/nobody/events", 404, "session_id"),
        ("/api/sessions/nobody/statistics", 404, "session_id"),
    ],
)
async def test_what_is_wrong_with_a_call_is_named(
    instances: tuple[Instance, Instance], path: str, status: int, field: str
) -> None:
    response = await instances[0].http.get(path)
    assert (response.status_code, response.json()["field"]) == (status, field), response.text


async def test_what_was_said_between_two_moments_in_one_call(
    instances: tuple[Instance, Instance],
) -> None:
    first, second = instances
    said = [segment(A, number, speaker="ada" if number < 3 else "bob") for number in range(6)]
    await first.records.record(
        A, [*said, translation(A, 2, "hola"), speaker(A, 99, "ada", "Ada", 2)]
    )
    body = await second.get(
        f"/api/sessions/{A}/timeline", **{"from": 4.5, "to": 7, "kinds": "transcript,speaker_turn"}
    )
    kinds = [(one["kind"], one["start"]) for one in body["entries"]]
    assert kinds == [
        ("speaker_turn", 4.0),
        ("transcript", 4.0),
        ("speaker_turn", 6.0),
        ("transcript", 6.0),
    ]
    _, text, _, _ = body["entries"]
    assert (text["text"], text["speaker_name"]) == ("hello world", "Ada")
    assert text["translations"]["es"]["translated_text"] == "hola"
    assert text["at"].startswith("2026-03-01T12:00:05.123456")
    assert (body["axis"], body["next_cursor"]) == ("first_sample", None)
    wall = {"from": "2026-03-01T12:00:05.7", "to": "2026-03-01T12:00:08.1+00:00"}
    same = await first.get(f"/api/sessions/{A}/timeline", **wall, kinds="transcript,speaker_turn")
    assert same == body


async def test_figures_while_it_lives_and_after(instances: tuple[Instance, Instance]) -> None:
    first, second = instances
    path = f"/api/sessions/{A}/statistics"
    empty = await first.get(path)
    assert (empty["final"], empty["words"], empty["words_per_minute"]) == (False, 0, None)
    assert (empty["audio_s"], empty["translation_coverage"]) == (12.5, None)
    await first.records.record(
        A, [segment(A, 0, speaker="ada"), segment(A, 50, speaker="bob"), translation(A, 0)]
    )
    live = await second.get(path)
    assert (live["segments"], live["words"], live["speech_s"]) == (2, 4, 4.0)
    assert (live["words_per_minute"], live["words_per_minute_now"]) == (60.0, 2.0)
    assert (live["translation_coverage"], live["translation_latency_p50_ms"]) == (0.5, 500.0)
    assert live["speakers"]["ada"]["share"] == 0.5
    await first.records.record(A, [ended(A)])
    await first.records.set_status(A, SessionStatus.COMPLETED, at=at(90))
    final = await first.get(path)
    assert (final["final"], final["audio_s"], final["speech_s"]) == (True, 80.0, 60.0)
    assert final["words_per_minute"] == 60.0


async def test_a_session_that_is_gone_while_it_is_observed(
    instances: tuple[Instance, Instance],
) -> None:
    first, _ = instances
    await first.records.delete(A)
    with pytest.raises(NotFound):
        await first.notes.change_timing(A, lambda timing: timing)
    with pytest.raises(NotFound):
        await first.notes.note(A, "x", severity="info", source="test", data={}, at=T0)
