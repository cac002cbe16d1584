"""Jobs and reports, over the desk itself and over the worker link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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
from livetranslate.sessions.desk import Desk, DeskOptions
from livetranslate.sessions.errors import ErrorData, error_data, rebuilt
from livetranslate.sessions.link.client import WorkerLink
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.work import JobKind, WorkerDesk, WorkerReport
from support.clock import VirtualClock, settle


@pytest.fixture
def desk() -> Desk:
    return Desk(DeskOptions(max_queued=3, worker_timeout_s=90), clock=VirtualClock())


@pytest.fixture
async def far(backend: str, desk: Desk, tmp_path: Path) -> AsyncIterator[WorkerDesk]:
    """The workers' side of the desk."""
    if backend == "memory":
        yield desk
        return
    server = LogServer(MemorySessionLog(clock=VirtualClock()), desk, tmp_path / "link")
    await server.start()
    link = await WorkerLink.connect(server.path)
    yield link.desk
    await link.close()
    await server.close()


def report(worker_id: str, cpu: float = 0.0) -> WorkerReport:
    return WorkerReport(
        worker_id=worker_id,
        pid=1,
        host="here",
        ready=True,
        sessions=("a",),
        buffered_s=(0.5,),
        models=(),
        memory_bytes=10**7,
        cpu_percent=cpu,
        default_engine=None,
        default_reason="none is installed",
        device="cpu",
    )


async def submitted(desk: Desk, payload: bytes = b"x", **options) -> asyncio.Task[bytes]:
    task = asyncio.create_task(desk.submit(JobKind.TRANSCRIBE, payload, **options))
    await settle()
    return task


async def test_a_job_is_done_by_the_worker_that_waits(desk: Desk, far: WorkerDesk):
    taking = asyncio.create_task(far.take_job("w1", wait_s=60))
    await settle()
    caller = await submitted(desk, b"\x00\xffaudio")
    job = await taking
    assert job is not None
    assert (job.kind, job.payload) == (JobKind.TRANSCRIBE, b"\x00\xffaudio")
    await far.finish_job(job.job_id, b"text")
    assert await caller == b"text"
    assert await far.take_job("w1", wait_s=1) is None


async def test_jobs_are_taken_in_order_and_by_whom_they_are_for(desk: Desk, far: WorkerDesk):
    assert await far.take_job("w2", wait_s=0) is None
    await submitted(desk, b"1")
    await submitted(desk, b"2", worker_id="w2")
    await submitted(desk, b"3")
    taken = [await far.take_job(name, wait_s=0) for name in ("w1", "w1", "w1", "w2")]
    assert [job and job.payload for job in taken] == [b"1", b"3", None, b"2"]


async def test_a_failure_reaches_the_caller_as_its_own_type(desk: Desk, far: WorkerDesk):
    for code, kind in [("model_unavailable", ModelUnavailable), ("strange", InternalError)]:
        caller = await submitted(desk)
        job = await far.take_job("w1", wait_s=0)
        assert job is not None
        await far.fail_job(job.job_id, ErrorData(code, "download it first", {}))
        with pytest.raises(kind, match="download it first"):
            await caller


async def test_a_failure_keeps_what_it_carries(desk: Desk, far: WorkerDesk):
    told = UnsupportedLanguage("no such language", available=("en", "es"), field="language")
    caller = await submitted(desk)
    job = await far.take_job("w1", wait_s=0)
    assert job is not None
    await far.fail_job(job.job_id, error_data(told))
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


async def test_a_full_queue_refuses(desk: Desk):
    for _ in range(3):
        await submitted(desk)
    with pytest.raises(Overloaded):
        await desk.submit(JobKind.TRANSCRIBE, b"")
    assert desk.queued == 3


async def test_a_cancelled_job_leaves_the_queue(desk: Desk, far: WorkerDesk):
    caller = await submitted(desk)
    caller.cancel()
    await settle()
    assert desk.queued == 0 and await far.take_job("w1", wait_s=0) is None


async def test_results_that_nobody_waits_for_are_ignored(desk: Desk, far: WorkerDesk):
    caller = await submitted(desk, timeout_s=5.0)
    job = await far.take_job("w1", wait_s=0)
    assert job is not None
    with pytest.raises(BackendUnavailable, match=r"5\.0 s"):
        await caller
    await far.finish_job(job.job_id, b"late")
    await far.fail_job(job.job_id, ErrorData("internal_error", "late", {}))


async def test_a_lost_workers_jobs_go_to_others_first_of_all(desk: Desk, far: WorkerDesk):
    caller = await submitted(desk, b"old")
    await far.take_job("w1", wait_s=0)
    await submitted(desk, b"new")
    desk.worker_gone("w1")
    job = await far.take_job("w2", wait_s=0)
    assert job is not None and job.payload == b"old"
    await far.finish_job(job.job_id, b"done")
    assert await caller == b"done"


async def test_a_job_that_costs_three_workers_fails(desk: Desk, far: WorkerDesk):
    caller = await submitted(desk)
    for name in ("w1", "w2", "w3"):
        assert not caller.done()
        assert await far.take_job(name, wait_s=0) is not None
        desk.worker_gone(name)
    with pytest.raises(BackendUnavailable, match="3 workers"):
        await caller
    assert await far.take_job("w4", wait_s=0) is None


async def test_jobs_for_a_lost_worker_fail(desk: Desk, far: WorkerDesk):
    with pytest.raises(NotFound):
        await desk.submit(JobKind.LOAD_MODEL, b"", worker_id="w1")
    await far.report(report("w1"))
    running = await submitted(desk, worker_id="w1")
    await far.take_job("w1", wait_s=0)
    waiting = await submitted(desk, worker_id="w1")
    desk.worker_gone("w1")
    for caller in (running, waiting):
        with pytest.raises(BackendUnavailable, match="w1 was lost"):
            await caller


async def test_the_newest_reports_have_an_age(desk: Desk, far: WorkerDesk):
    await far.report(report("w2"))
    await asyncio.sleep(10)
    await far.report(report("w1", 1.0))
    await far.report(report("w1", 2.0))
    await asyncio.sleep(5)
    newest = [(known.report.worker_id, known.report.cpu_percent) for known in desk.reports()]
    assert newest == [("w1", 2.0), ("w2", 0.0)]
    assert [known.age_s for known in desk.reports()] == pytest.approx([5, 15], abs=0.1)
    assert desk.reports()[0].report == report("w1", 2.0)


async def test_a_silent_worker_is_lost(desk: Desk, far: WorkerDesk):
    caller = await submitted(desk)
    await far.report(report("silent"))
    await far.take_job("silent", wait_s=0)
    await asyncio.sleep(60)
    await far.report(report("w2"))
    await asyncio.sleep(31)
    assert [known.report.worker_id for known in desk.reports()] == ["w2"]
    job = await far.take_job("w2", wait_s=0)
    assert job is not None
    await far.finish_job(job.job_id, b"done")
    assert await caller == b"done"
