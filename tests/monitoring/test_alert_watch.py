"""The watch: what happens to sessions, workers and the database becomes alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.monitoring.alerts import AlertChanges
from livetranslate.monitoring.machine import Machine
from livetranslate.monitoring.rules import Thresholds
from livetranslate.services.alerting import AlertOptions, AlertSources, AlertWatch
from livetranslate.sessions.desk.base import ReportAge
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.recorder import RecorderState
from livetranslate.sessions.work import WorkerReport
from support.clock import VirtualClock
from support.sessions import ended


def report(worker_id: str, age_s: float, **fields: Any) -> ReportAge:
    said = WorkerReport(
        worker_id=worker_id,
        pid=1,
        host="here",
        ready=True,
        sessions=(),
        buffered_s=(),
        models=(),
        memory_bytes=1,
        cpu_percent=0.0,
        default_engine=None,
        default_reason="",
        device="none",
        **fields,
    )
    return ReportAge(said, age_s)


class Scene:
    def __init__(self) -> None:
        self.log = MemorySessionLog(clock=VirtualClock())
        self.reports: Sequence[ReportAge] = ()
        self.recorder = RecorderState(sessions=0, waiting=0, failing_s=0.0, error=None, lost=0)
        self.database: str | None = None
        sources = AlertSources(
            reports=lambda: self.reports,
            log=self.log,
            recorder=lambda: self.recorder,
            database=self.database_error,
        )
        # How full the machine of the tests is, is no matter of theirs.
        limits = Thresholds(failures_least=4, queue=2, queue_clear=1, memory_percent=100)
        options = AlertOptions(thresholds=limits)
        self.watch = AlertWatch(sources, Machine(), options, clock=VirtualClock())

    async def database_error(self) -> str | None:
        return self.database

    async def look(self, seconds: float = 2.0) -> AlertChanges:
        await asyncio.sleep(seconds)
        return await self.watch.look()

    async def raised(self, seconds: float = 2.0) -> list[tuple[str, str]]:
        return [(one.rule, one.subject) for one in (await self.look(seconds)).raised]

    async def cleared(self, seconds: float = 2.0) -> list[tuple[str, str]]:
        return [(one.rule, one.subject) for one in (await self.look(seconds)).cleared]

    async def end(self, name: str, reason: EndReason) -> None:
        await self.log.create(name, SessionConfig())
        await self.log.append_end(name, EndReason.CLIENT_ENDED)
        await self.log.append_system_events(name, [ended(name, reason)])


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_a_worker_that_falls_silent_is_missed_until_it_is_back(scene: Scene):
    scene.reports = [report("w1", 50.0), report("w2", 1.0)]
    assert await scene.raised() == []
    scene.reports = [report("w1", 61.0), report("w2", 1.0)]
    assert await scene.raised() == [("worker_heartbeat", "w1")]
    # The desk forgets it, the alert does not.
    scene.reports = [report("w2", 1.0)]
    assert await scene.cleared(60) == [] and await scene.cleared(60) == []
    assert scene.watch.book.active[0].value == pytest.approx(181.0)
    scene.reports = [report("w1", 1.0), report("w2", 1.0)]
    assert await scene.cleared(30) == []
    assert await scene.cleared(30) == [("worker_heartbeat", "w1")]


async def test_one_that_never_comes_back_is_forgotten_in_the_end(scene: Scene):
    scene.reports = [report("w1", 61.0)]
    await scene.look()
    scene.reports = []
    assert await scene.cleared(800) == []
    assert await scene.cleared(100) == []
    assert await scene.cleared(100) == [("worker_heartbeat", "w1")]


async def test_one_that_leaves_in_order_is_not_missed(scene: Scene):
    scene.reports = [report("w1", 1.0), report("w2", 80.0, draining=True)]
    assert await scene.raised() == []
    scene.reports = []
    assert await scene.raised(200) == []


async def test_the_queue_counts_open_sessions_without_a_worker(scene: Scene):
    for name in ("a", "b", "c"):
        await scene.log.create(name, SessionConfig())
    await scene.end("d", EndReason.CLIENT_ENDED)
    assert await scene.raised() == [("session_queue", "")]
    await scene.log.claim("w1")
    await scene.log.claim("w1")
    await scene.look(20)
    assert await scene.cleared(20) == [("session_queue", "")]


async def test_failures_are_told_by_how_sessions_ended(scene: Scene):
    for name in ("a", "b", "c"):
        await scene.end(name, EndReason.CLIENT_ENDED)
    assert await scene.raised() == []
    await scene.end("d", EndReason.FAILED)
    assert await scene.raised() == [("session_failures", "")]
    # Each end counts once, and for a while only.
    assert scene.watch.book.active[0].message.startswith("1 of the 4")
    await scene.look()
    assert scene.watch.book.active[0].message.startswith("1 of the 4")
    await scene.look(1000)
    assert await scene.cleared(20) == [("session_failures", "")]


async def test_database_recorder_breakers_and_differences(scene: Scene):
    scene.database = "it does not answer"
    scene.recorder = RecorderState(sessions=1, waiting=1, failing_s=20.0, error="away", lost=2)
    scene.watch.watch(breakers=lambda: {"whisper x": "open"})
    scene.watch.watch(differences=lambda: {"s1": "its log is gone"})
    assert set(await scene.raised()) == {
        ("database", ""),
        ("recorder", ""),
        ("recorder_lost", ""),
        ("breaker", "whisper x"),
        ("session_difference", "s1"),
    }


async def test_changes_are_announced_with_what_holds(scene: Scene):
    told: list[dict[str, Any]] = []
    scene.watch.listen(lambda changes: told.append(scene.watch.describe(changes)))
    await scene.look()
    scene.database = "it does not answer"
    await scene.look()
    await scene.look()
    scene.database = None
    await scene.look(20)
    await scene.look(20)
    assert [len(one["active"]) for one in told] == [1, 0]
    [raised] = told[0]["raised"]
    assert (raised["rule"], raised["severity"], raised["state"]) == (
        "database",
        "critical",
        "active",
    )
    assert told[1]["cleared"][0]["alert_id"] == raised["alert_id"]
    assert not scene.watch.describe()["raised"]


async def test_a_fault_in_one_look_is_not_the_end(scene: Scene):
    faults = 2

    async def flaky() -> str | None:
        nonlocal faults
        faults -= 1
        if faults >= 0:
            raise RuntimeError("boom")
        return "it does not answer"

    scene.watch = AlertWatch(
        AlertSources(reports=lambda: (), log=scene.log, database=flaky),
        Machine(),
        clock=VirtualClock(),
    )
    running = asyncio.create_task(scene.watch.run())
    await asyncio.sleep(7)
    running.cancel()
    assert "database" in {alert.rule for alert in scene.watch.book.active}
