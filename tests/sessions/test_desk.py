"""Jobs and reports: one contract for the desk in memory, over the worker link, and over Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from livetranslate.domain.errors import (
    BackendUnavailable,
    InternalError,
    ModelUnavailable,
    NotFound,
    Overloaded,
    UnsupportedLanguage,
    error_types,
)
from livetranslate.services.problems import problem_details
from livetranslate.services.realtime.frames import error_message
from livetranslate.sessions.desk.base import Desk, DeskOptions
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.desk.redis.desk import RedisDesk
from livetranslate.sessions.errors import ErrorData, error_data, rebuilt
from livetranslate.sessions.link.client import WorkerLink
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.work import JobKind, WorkerDesk
from support.redis_desk import redis_desk
from support.redis_server import RedisServer
from support.reports import worker_report

UNIT_S = 0.02
"""What the tests count time in; a worker is silent for 90 of them before it is lost."""
OPTIONS = DeskOptions(max_queued=3, worker_timeout_s=90 * UNIT_S)


class Bench:
    """A desk: the callers' side and the workers' side, which may be in other processes."""

    def __init__(self, desk: Desk, far: WorkerDesk) -> None:
        self.desk = desk
        self.far = far

    async def submitted(self, payload: bytes = b"x", **options) -> asyncio.Task[bytes]:
        """Submit a job and return once it is in the queue."""
        await self.look()
        before = self.desk.queued
        task = asyncio.create_task(self.desk.submit(JobKind.TRANSCRIBE, payload, **options))
        await self.seen(lambda: self.desk.queued == before + 1)
        return task

    async def seen(self, met: Callable[[], bool]) -> None:
        """Wait until the callers' side has seen something."""
        async with asyncio.timeout(20):
            while not met():
                await asyncio.sleep(0.001)
                await self.look()

    async def look(self) -> None:
        """Let the callers' side see what is so now."""
        if isinstance(self.desk, RedisDesk):
            await self.desk.look()


async def wait(units: float) -> None:
    await asyncio.sleep(units * UNIT_S)


@pytest.fixture(params=["memory", "remote", "redis"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def bench(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Bench]:
    if backend == "redis":
        redis: RedisServer = request.getfixturevalue("redis")
        async with redis_desk(redis, OPTIONS) as desk, redis_desk(redis, OPTIONS) as far:
            yield Bench(desk, far)
        return
    desk = MemoryDesk(OPTIONS)
    if backend == "memory":
        yield Bench(desk, desk)
        return
    server = LogServer(MemorySessionLog(), desk, tmp_path / "link")
    await server.start()
    link = await WorkerLink.connect(server.path)
    yield Bench(desk, link.desk)
    await link.close()
    await server.close()


async def test_a_job_is_done_by_the_worker_that_waits(bench: Bench):
    taking = asyncio.create_task(bench.far.take_job("w1", wait_s=20))
    await asyncio.sleep(0.01)
    caller = asyncio.create_task(bench.desk.submit(JobKind.TRANSCRIBE, b"\x00\xffaudio"))
    job = await taking
    assert job is not None
    assert (job.kind, job.payload) == (JobKind.TRANSCRIBE, b"\x00\xffaudio")
    await bench.far.finish_job(job.job_id, b"text")
    assert await caller == b"text"
    assert await bench.far.take_job("w1", wait_s=0) is None


async def test_jobs_are_taken_in_order_and_by_whom_they_are_for(bench: Bench):
    assert await bench.far.take_job("w2", wait_s=0) is None
    await bench.submitted(b"1")
    await bench.submitted(b"2", worker_id="w2")
    await bench.submitted(b"3")
    taken = [await bench.far.take_job(name, wait_s=0) for name in ("w1", "w1", "w1", "w2")]
    assert [job and job.payload for job in taken] == [b"1", b"3", None, b"2"]


async def test_a_failure_reaches_the_caller_as_its_own_type(bench: Bench):
    for code, kind in [("model_unavailable", ModelUnavailable), ("strange", InternalError)]:
        caller = await bench.submitted()
        job = await bench.far.take_job("w1", wait_s=0)
        assert job is not None
        await bench.far.fail_job(job.job_id, ErrorData(code, "download it first", {}))
        with pytest.raises(kind, match="download it first"):
            await caller


async def test_a_failure_keeps_what_it_carries(bench: Bench):
    told = UnsupportedLanguage("no such language", available=("en", "es"), field="language")
    caller = await bench.submitted()
    job = await bench.far.take_job("w1", wait_s=0)
    assert job is not None
    await bench.far.fail_job(job.job_id, error_data(told))
    with pytest.raises(UnsupportedLanguage, match="no such language") as raised:
        await caller
    assert tuple(raised.value.available) == ("en", "es")
    assert raised.value.field == "language"


@pytest.mark.parametrize("code", sorted(error_types()))
def test_an_error_that_arrives_bare_can_still_be_told(code: str):
    error = rebuilt(ErrorData(code, "something", {}))
    assert error.message == "something"
    assert problem_details(error)["code"] == code
    assert error_message(error).code == code


async def test_a_full_queue_refuses(bench: Bench):
    for _ in range(3):
        await bench.submitted()
    with pytest.raises(Overloaded):
        await bench.desk.submit(JobKind.TRANSCRIBE, b"")
    await bench.look()
    assert bench.desk.queued == 3


async def test_a_cancelled_job_leaves_the_queue(bench: Bench):
    caller = await bench.submitted()
    caller.cancel()
    await bench.seen(lambda: bench.desk.queued == 0)
    assert await bench.far.take_job("w1", wait_s=0) is None


async def test_results_that_nobody_waits_for_are_ignored(bench: Bench):
    caller = await bench.submitted(timeout_s=0.5)
    job = await bench.far.take_job("w1", wait_s=0)
    assert job is not None
    with pytest.raises(BackendUnavailable, match=r"0\.5 s"):
        await caller
    await bench.far.finish_job(job.job_id, b"late")
    await bench.far.fail_job(job.job_id, ErrorData("internal_error", "late", {}))


async def test_a_lost_workers_jobs_go_to_others_first_of_all(bench: Bench):
    caller = await bench.submitted(b"old")
    await bench.far.take_job("w1", wait_s=0)
    await bench.submitted(b"new")
    await bench.desk.worker_gone("w1")
    job = await bench.far.take_job("w2", wait_s=0)
    assert job is not None and job.payload == b"old"
    await bench.far.finish_job(job.job_id, b"done")
    assert await caller == b"done"


async def test_a_job_that_costs_three_workers_fails(bench: Bench):
    caller = await bench.submitted()
    for name in ("w1", "w2", "w3"):
        assert not caller.done()
        assert await bench.far.take_job(name, wait_s=0) is not None
        await bench.desk.worker_gone(name)
    with pytest.raises(BackendUnavailable, match="3 workers"):
        await caller
    assert await bench.far.take_job("w4", wait_s=0) is None


async def test_jobs_for_a_lost_worker_fail(bench: Bench):
    with pytest.raises(NotFound):
        await bench.desk.submit(JobKind.LOAD_MODEL, b"", worker_id="w1")
    await bench.far.report(worker_report("w1"))
    running = await bench.submitted(worker_id="w1")
    await bench.far.take_job("w1", wait_s=0)
    waiting = await bench.submitted(worker_id="w1")
    await bench.desk.worker_gone("w1")
    for caller in (running, waiting):
        with pytest.raises(BackendUnavailable, match="w1 was lost"):
            await caller


async def test_the_newest_reports_have_an_age(bench: Bench):
    await bench.far.report(worker_report("w2"))
    await wait(10)
    await bench.far.report(worker_report("w1", 1.0))
    await bench.far.report(worker_report("w1", 2.0))
    await wait(5)
    await bench.look()
    newest = [(known.report.worker_id, known.report.cpu_percent) for known in bench.desk.reports()]
    assert newest == [("w1", 2.0), ("w2", 0.0)]
    ages = [known.age_s / UNIT_S for known in bench.desk.reports()]
    assert ages[0] >= 4.9 and ages[1] >= ages[0] + 9.9
    assert bench.desk.reports()[0].report == worker_report("w1", 2.0)


async def test_a_silent_worker_is_lost(bench: Bench):
    caller = await bench.submitted()
    await bench.far.report(worker_report("silent"))
    await bench.far.take_job("silent", wait_s=0)
    await wait(60)
    await bench.far.report(worker_report("w2"))
    await wait(31)
    await bench.look()
    assert [known.report.worker_id for known in bench.desk.reports()] == ["w2"]
    job = await bench.far.take_job("w2", wait_s=0)
    assert job is not None
    await bench.far.finish_job(job.job_id, b"done")
    assert await caller == b"done"
