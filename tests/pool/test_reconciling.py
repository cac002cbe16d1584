"""Sessions that database, log and workers disagree about."""

from __future__ import annotations

from datetime import datetime

import pytest

from livetranslate.domain.session import EndReason, SessionConfig, SessionStatus
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.reconciling import Reconciler
from livetranslate.sessions.work import WorkerReport
from support.clock import EPOCH
from support.records import MemoryRecords
from support.sessions import ended

OPEN = (SessionStatus.INITIALIZING, SessionStatus.ACTIVE)


class StillClock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return EPOCH


class Scene:
    def __init__(self) -> None:
        self.log = MemorySessionLog()
        self.records = MemoryRecords()
        self.reports: list[WorkerReport] = []
        self.clock = StillClock()
        self.reconciler = Reconciler(
            self.log, self, self.records, lambda: self.reports, clock=self.clock, pause_s=10.0
        )

    async def open_sessions(self) -> dict[str, datetime]:
        return {name: EPOCH for name, status in self.records.status.items() if status in OPEN}

    async def row(self, *names: str) -> None:
        for name in names:
            await self.records.create(name, kind="api", config=SessionConfig(), created_at=EPOCH)

    async def live(self, *names: str, to_record: bool = True) -> None:
        for name in names:
            await self.log.create(name, SessionConfig(), to_record=to_record)

    async def look(self) -> set[tuple[str, str]]:
        self.clock.now += 10
        return {(one.kind.value, one.session_id) for one in await self.reconciler.look()}


def report(worker_id: str, *sessions: str) -> WorkerReport:
    return WorkerReport(
        worker_id=worker_id,
        pid=1,
        host="here",
        ready=True,
        sessions=sessions,
        buffered_s=(0.0,) * len(sessions),
        models=(),
        memory_bytes=1,
        cpu_percent=0.0,
        default_engine=None,
        default_reason="",
        device="none",
    )


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_session_whose_log_is_lost_is_marked_as_failed(scene: Scene):
    await scene.row("lost", "live", "done")
    await scene.live("live")
    await scene.records.set_status("done", SessionStatus.ACTIVE, at=EPOCH)
    await scene.records.set_status("done", SessionStatus.COMPLETED, at=EPOCH)
    assert await scene.look() == set()
    assert await scene.look() == {("lost", "lost")}
    assert scene.records.status == {
        "lost": SessionStatus.FAILED,
        "live": SessionStatus.INITIALIZING,
        "done": SessionStatus.COMPLETED,
    }
    assert scene.records.reasons["lost"] is EndReason.FAILED
    assert "log was lost" in str(scene.records.errors["lost"])
    assert scene.reconciler.differences == {
        "lost": "lost: open in the database but not in the log; now marked as failed there"
    }
    assert await scene.look() == set()
    assert scene.reconciler.differences == {}


async def test_what_is_set_right_meanwhile_is_no_difference(scene: Scene):
    await scene.row("starting")
    assert await scene.look() == set()
    await scene.live("starting")
    assert await scene.look() == set()
    assert scene.records.status["starting"] is SessionStatus.INITIALIZING


async def test_it_looks_only_every_now_and_then(scene: Scene):
    await scene.row("starting")
    await scene.look()
    for _ in range(5):
        assert await scene.reconciler.look() == frozenset()
    assert scene.records.status["starting"] is SessionStatus.INITIALIZING


async def test_live_sessions_without_an_open_row_are_told(scene: Scene):
    await scene.live("rowless", "over")
    await scene.live("elsewhere", to_record=False)
    await scene.log.append_end("over", EndReason.CLIENT_ENDED)
    await scene.log.append_system_events("over", [ended("over")])
    await scene.look()
    assert await scene.look() == {("unrecorded", "rowless")}


async def test_sessions_held_without_a_claim_are_told(scene: Scene):
    await scene.live("a", "b", to_record=False)
    await scene.log.claim("w1")
    await scene.log.claim("w2")
    scene.reports = [report("w1", "a", "b"), report("w2", "b", "gone")]
    await scene.look()
    assert await scene.look() == {("held", "b"), ("held", "gone")}


async def test_many_differences_are_one_message(scene: Scene):
    await scene.row(*(f"s{number}" for number in range(5)))
    await scene.look()
    await scene.look()
    assert scene.reconciler.differences["lost"].startswith("s0, s1, s2 and 2 more: ")


async def test_a_database_that_goes_away_stops_no_look(scene: Scene):
    await scene.row("s1")
    await scene.look()
    scene.records.away = True
    assert await scene.look() == {("lost", "s1")}
    scene.records.away = False
    assert await scene.look() == {("lost", "s1")}
    assert scene.records.status["s1"] is SessionStatus.FAILED
    assert await scene.look() == set()
