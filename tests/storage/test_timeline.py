"""A session on one axis, page by page, in both databases."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text

from livetranslate.domain.events import SessionUpdated
from livetranslate.domain.session import ConfigUpdate, SessionConfig
from livetranslate.storage.database import Database
from livetranslate.storage.figures import FiguresReader
from livetranslate.storage.notes import SqlSessionNotes
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.tables import SessionRow
from livetranslate.storage.timeline import SessionTimeline
from livetranslate.storage.timeline_found import (
    LifeEntry,
    SpeakerTurnEntry,
    TimelineEntry,
    TimelineKind,
    TranscriptEntry,
)
from livetranslate.storage.timeline_queries import Window
from support.events import T0, at, ended, segment, speaker, started, translation

A, B = "session-a", "session-b"


class PlainAxis:
    """The first sample was at ``T0``."""

    def to_wall(self, session_s: float) -> datetime:
        return T0 + timedelta(seconds=session_s)

    def to_session(self, moment: datetime) -> float:
        return (moment - T0).total_seconds()


class Sessions:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.records = SqlSessionRecords(database)
        self.notes = SqlSessionNotes(database)
        self.timeline = SessionTimeline(database)

    async def entries(
        self, session_id: str = A, *, limit: int = 1000, **options: Any
    ) -> list[TimelineEntry]:
        """All entries, read in pages."""
        clocks = await self.timeline.clocks(session_id)
        found: list[TimelineEntry] = []
        cursor = None
        while True:
            page = await self.timeline.page(
                session_id, clocks, PlainAxis(), limit=limit, cursor=cursor, **options
            )
            found += page.entries
            assert len(page.entries) == limit or page.next_cursor is None
            if (cursor := page.next_cursor) is None:
                return found


@pytest.fixture
async def sessions(database: Database) -> Sessions:
    made = Sessions(database)
    for name in (A, B):
        config = SessionConfig(target_languages=("es",))
        await made.records.create(name, kind="api", config=config, created_at=T0)
        said = [
            segment(name, number, speaker=("ada", "bob", None)[number // 4 % 3])
            for number in range(20)
        ]
        await made.records.record(name, [started(name), *said])
        await made.records.record(
            name,
            [
                *(translation(name, number) for number in range(0, 20, 2)),
                translation(name, 3, target="fr"),
                speaker(name, 999, "ada", "Ada", 0, 1),
                ended(name),
            ],
        )
    async with database.write() as connection:
        for number in range(4):
            await connection.execute(
                text(
                    "INSERT INTO audio_files (audio_file_id, session_id, chunk_id, file_path,"
                    " size_bytes, sha256, codec, sample_rate, channels, start_time, end_time,"
                    " overlap, stored_at) VALUES (:id, :session, :chunk, 'x', 1, 'x', 'flac',"
                    " 16000, 1, :start, :end, 0, '2026-03-01 12:00:00')"
                ),
                {
                    "id": f"chunk-{number}",
                    "chunk": f"chunk-{number}",
                    "session": A,
                    "start": number * 10.0 if number < 3 else None,
                    "end": number * 10.0 + 10,
                },
            )
    return made


async def test_everything_in_order_whatever_the_size_of_pages(sessions: Sessions) -> None:
    whole = await sessions.entries()
    kinds = [type(one).__name__ for one in whole]
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    assert counts == {
        "TranscriptEntry": 20,
        "TranslationEntry": 11,
        "AudioEntry": 4,
        "LifeEntry": 3,
        "SpeakerTurnEntry": 4,
    }
    starts = [one.start for one in whole if one.start is not None]
    assert starts == sorted(starts)
    assert whole[-1].start is None
    for limit in (1, 2, 5, 7):
        assert await sessions.entries(limit=limit) == whole
    other = await sessions.entries(B)
    assert not any("chunk-" in str(one) for one in other)


async def test_an_entry_tells_all_of_it(sessions: Sessions) -> None:
    [text_entry] = await sessions.entries(window=Window(6.0, 7.0), kinds=[TimelineKind.TRANSCRIPT])
    assert isinstance(text_entry, TranscriptEntry)
    assert (text_entry.start, text_entry.end, text_entry.at) == (6.0, 8.0, at(6))
    assert (text_entry.speaker_id, text_entry.language) == ("ada", "en")
    assert set(text_entry.translations) == {"fr"}
    events = await sessions.entries(kinds=[TimelineKind.EVENT])
    assert [one.event_type for one in events if isinstance(one, LifeEntry)] == [
        "session_started",
        "speaker_update",
        "session_ended",
    ]
    assert [one.start for one in events] == [1.0, 60.0, 90.0]
    turns = await sessions.entries(kinds=[TimelineKind.SPEAKER_TURN])
    told = [
        (one.speaker_id, one.start, one.end, one.segments, one.words)
        for one in turns
        if isinstance(one, SpeakerTurnEntry)
    ]
    assert told == [
        ("ada", 0.0, 8.0, 4, 8),
        ("bob", 8.0, 16.0, 4, 8),
        ("ada", 24.0, 32.0, 4, 8),
        ("bob", 32.0, 40.0, 4, 8),
    ]


async def test_a_window_has_what_overlaps_it(sessions: Sessions) -> None:
    found = await sessions.entries(window=Window(9.0, 20.0))
    assert {type(one).__name__ for one in found if one.start is None} == set()
    for one in found:
        assert one.start is not None
        assert one.start < 20.0
        assert one.start >= 9.0 or (one.end or 0) > 9.0
    assert [one.start for one in found if isinstance(one, TranscriptEntry)] == [
        8.0, 10.0, 12.0, 14.0, 16.0, 18.0,
    ]  # fmt: skip
    later = await sessions.entries(window=Window(39.0))
    assert [type(one).__name__ for one in later] == [
        "SpeakerTurnEntry",
        "TranscriptEntry",
        "LifeEntry",
        "LifeEntry",
    ]
    assert await sessions.entries(window=Window(100.0, 200.0)) == []


async def test_missing_times_drop_nothing(sessions: Sessions) -> None:
    odd = msgspec.structs.replace(segment(B, 40), start=float("nan"), end=float("nan"))
    await sessions.records.record(B, [odd, translation(B, 40), translation(B, 77)])
    for limit in (3, 100):
        found = [one for one in await sessions.entries(B, limit=limit) if one.start is None]
        assert [type(one).__name__ for one in found] == [
            "TranscriptEntry",
            "TranslationEntry",
            "TranslationEntry",
        ]


async def test_turns_end_with_pauses_and_grow_without_bounds_in_pages(
    sessions: Sessions,
) -> None:
    await sessions.records.create("c", kind="api", config=SessionConfig(), created_at=T0)
    numbers = [*range(1100), *range(1200, 1203)]
    await sessions.records.record("c", [segment("c", number, speaker="x") for number in numbers])
    turns = await sessions.entries("c", kinds=[TimelineKind.SPEAKER_TURN])
    sizes = [one.segments for one in turns if isinstance(one, SpeakerTurnEntry)]
    assert sizes == [500, 500, 100, 3]
    assert await sessions.entries("c", kinds=[TimelineKind.SPEAKER_TURN], limit=1) == turns


async def test_events_in_pages_by_type_and_severity(sessions: Sessions) -> None:
    for number in range(5):
        await sessions.notes.note(
            A, "feeder_lost", severity="warning", source="session", data={"n": number}, at=at(70)
        )
        await sessions.notes.note(
            A,
            "session_resumed",
            severity="info",
            source="session",
            data={"next_seq": number},
            at=at(71 + number),
        )
    page = await sessions.timeline.events(A, severity="warning")
    assert [one.data for one in page.events] == [{"n": 0}]  # one a moment, however often written
    seen: list[str] = []
    cursor = None
    while True:
        page = await sessions.timeline.events(A, limit=2, cursor=cursor)
        seen += [one.event_type for one in page.events]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == [
        "session_started",
        "speaker_update",
        "feeder_lost",
        *["session_resumed"] * 5,
        "session_ended",
    ]
    found = await sessions.timeline.events(A, types=("session_resumed", "session_ended"))
    assert len(found.events) == 6


async def test_the_view_tells_turns_and_events_on_the_same_axis(sessions: Sessions) -> None:
    await sessions.notes.first_sample(A, at(0.5))
    await sessions.notes.first_sample(A, at(9))
    async with sessions.database.read() as connection:
        rows = (
            await connection.execute(
                text(
                    "SELECT kind, reference, start_time, end_time FROM session_timeline"
                    " WHERE session_id = 'session-a' AND kind IN ('speaker', 'event')"
                    " ORDER BY start_time"
                )
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        ("speaker", "ada", 0.0, 8.0),
        ("event", "session_started", pytest.approx(0.5, abs=0.002), None),
        ("speaker", "bob", 8.0, 16.0),
        ("speaker", "ada", 24.0, 32.0),
        ("speaker", "bob", 32.0, 40.0),
        ("event", "speaker_update", pytest.approx(59.5, abs=0.002), None),
        ("event", "session_ended", pytest.approx(89.5, abs=0.002), None),
    ]


async def test_clocks_changed_by_two_processes_lose_nothing(sessions: Sessions) -> None:
    other = Database(sessions.database.options)
    doors = (sessions.notes, SqlSessionNotes(other))

    def added(number: int) -> Any:
        return lambda timing: {"seen": sorted([*timing.get("seen", []), number])}

    await asyncio.gather(
        *(doors[number % 2].change_timing(A, added(number)) for number in range(12))
    )
    await other.close()
    assert (await sessions.timeline.clocks(A)).timing == {"seen": list(range(12))}
    assert (await sessions.timeline.clocks(B)).timing == {}


async def test_coverage_counts_what_was_wanted_when_it_was_said(sessions: Sessions) -> None:
    await sessions.records.create("c", kind="api", config=SessionConfig(), created_at=T0)
    update = SessionUpdated(
        session_id="c", event_id=5, timestamp=at(4.0), config=ConfigUpdate(target_languages=("es",))
    )
    said = [segment("c", 0), segment("c", 1), segment("c", 2), segment("c", 3, language="es")]
    await sessions.records.record("c", [update, *said, translation("c", 1)])
    figures = await FiguresReader(sessions.database).of("c")
    assert (figures.translations, figures.translation_coverage) == (1, 0.5)


async def test_figures_are_counted_once_in_a_while(sessions: Sessions) -> None:
    now = 0.0
    reader = FiguresReader(sessions.database, ttl_s=2.0, most=1, now=lambda: now)
    before = sessions.database.load().passed
    first = await reader.of(A)
    assert await reader.of(A) is first
    assert sessions.database.load().passed == before + 1
    now = 2.0
    assert await reader.of(A) is not first
    assert (await reader.of(B)).session_id == B
    async with sessions.database.read() as connection:
        assert (await connection.execute(select(SessionRow.session_id))).all()
