"""A worker: many sessions and jobs at once, each its own, and nothing lost when it leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from livetranslate.asr.engine import LoadedModel, WindowRequest
from livetranslate.asr.whisper.engine import WhisperEngine, WhisperOptions
from livetranslate.domain.errors import BackendUnavailable, InternalError, NotFound
from livetranslate.domain.events import SessionEnded, SessionError, SessionEvent
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.domain.speech import Hypothesis
from livetranslate.domain.transcription import Transcription
from livetranslate.monitoring.latch import Band
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.log.base import Claim
from livetranslate.sessions.pool.admission import AdmissionOptions
from livetranslate.sessions.work import (
    EXIT_DRAINED,
    DrainJob,
    JobKind,
    ModelJob,
    RelieveJob,
    TranscribeJob,
)
from livetranslate.sessions.worker import Worker, WorkerOptions
from support.clock import EPOCH
from support.hosting import Listener, Stage, finals, said
from support.scoring import error_rate
from support.speech import WHISPER_FIXTURE, recordings
from support.told_speech import ToldEngine, ToldSession, as_pcm, real_session

SPOKEN = real_session("en_25", "en_12")


class Place:
    """Workers on one log and one desk."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.desk = MemoryDesk()
        self.workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}

    def start(self, name: str, *, log: Any = None, **options: Any) -> Worker:
        worker = Worker(
            name,
            log or self.stage.log,
            self.desk,
            self.stage.models,
            self.stage.translation,
            WorkerOptions(report_s=0.01, touch_s=0.01, **options),
            now=lambda: EPOCH,
        )
        self.workers[name] = (worker, asyncio.create_task(worker.run()))
        return worker

    async def leave(self, name: str) -> None:
        worker, running = self.workers.pop(name)
        worker.drain()
        await asyncio.wait_for(running, 30)

    async def report(self, name: str, found: Any) -> Any:
        """Wait for a report of a worker that is as wanted."""
        for _ in range(3_000):
            for each in self.desk.reports():
                if each.report.worker_id == name and found(each.report):
                    return each.report
            await asyncio.sleep(0.01)
        raise AssertionError("no such report came")


@pytest.fixture
def engine() -> ToldEngine:
    return ToldEngine(SPOKEN)


@pytest.fixture
async def place(engine: ToldEngine) -> AsyncIterator[Place]:
    made = Place(Stage(engine))
    yield made
    for name in list(made.workers):
        await made.leave(name)
    await made.stage.close()


async def until_ended(place: Place, session_id: str) -> list[SessionEvent]:
    return await Listener(place.stage.log, session_id).all()


def reason(events: Sequence[SessionEvent]) -> EndReason:
    assert isinstance(events[-1], SessionEnded)
    return events[-1].reason


async def test_eight_sessions_at_once_get_each_its_own_text() -> None:
    options = WhisperOptions(cpu_threads=1, min_window_s=1.0)
    place = Place(Stage(WhisperEngine("fixture", WHISPER_FIXTURE, options)))
    spoken = [each for each in recordings("en") if each.duration < 7][:8]
    listeners = [Listener(place.stage.log, each.file.split(".")[0]) for each in spoken]
    for each in spoken:
        name = each.file.split(".")[0]
        await place.stage.open(name)
        await place.stage.feed(ToldSession(as_pcm(each.audio), ()), name)
        await place.stage.end(name)
    place.start("w1")
    found = [await listener.all() for listener in listeners]
    texts = [" ".join(event.text for event in finals(events)) for events in found]
    assert error_rate([each.text for each in spoken], texts) <= 0.12
    for text, each in zip(texts, spoken, strict=True):
        rates = [error_rate([other.text], [text]) for other in spoken]
        assert min(rates) == error_rate([each.text], [text])
    assert {reason(events) for events in found} == {EndReason.CLIENT_ENDED}
    await place.leave("w1")
    await place.stage.close()


async def test_it_says_how_it_is(place: Place) -> None:
    place.start("w1", max_sessions=2, device="a CPU")
    report = await place.report("w1", lambda report: report.models)
    assert (report.default_engine, report.device) == ("faster-whisper", "a CPU")
    assert "installed" in report.default_reason
    assert report.ready and report.sessions == () and report.memory_bytes > 0
    assert report.models[0].info.model == "told"
    await place.stage.open("a")
    await place.report("w1", lambda report: report.sessions == ("a",) and report.ready)
    await place.stage.open("b")
    report = await place.report("w1", lambda report: len(report.sessions) == 2)
    assert not report.ready
    assert len(report.buffered_s) == 2
    await place.stage.end("a")
    await place.report("w1", lambda report: report.sessions == ("b",) and report.ready)


async def test_without_any_engine_it_says_why(engine: ToldEngine) -> None:
    class Nothing:
        on_gpu = False

        def installed(self) -> list[str]:
            return []

        def load(self, candidate: object) -> ToldEngine:
            raise RuntimeError("the package is torn")

    place = Place(Stage(engine, loader=Nothing()))
    place.start("w1")
    report = await place.report("w1", lambda _report: True)
    assert report.default_engine is None
    assert "torn" in report.default_reason
    await place.stage.open()
    events = await until_ended(place, "s1")
    assert reason(events) is EndReason.FAILED
    [error] = [event for event in events if isinstance(event, SessionError)]
    assert error.code == "model_unavailable"
    await place.leave("w1")


async def test_it_takes_no_more_than_it_has_room_for(place: Place) -> None:
    for name in ("a", "b", "c"):
        await place.stage.open(name)
    place.start("w1", max_sessions=2)
    await place.report("w1", lambda report: set(report.sessions) == {"a", "b"})
    assert (await place.stage.log.state("c")).worker_id is None
    await place.stage.end("b")
    await place.report("w1", lambda report: set(report.sessions) == {"a", "c"})


async def test_a_worker_that_leaves_hands_its_sessions_on(place: Place, engine: ToldEngine) -> None:
    decoding, go_on = threading.Event(), threading.Event()
    hear = engine.decode

    def decode(requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        if len(engine.requests) >= 5:
            decoding.set()
            assert go_on.wait(30)
        return hear(requests)

    engine.decode = decode
    await place.stage.open()
    await place.stage.feed(SPOKEN)
    await place.stage.end()
    listener = Listener(place.stage.log)
    place.start("w1")
    await asyncio.to_thread(decoding.wait, 30)
    leaving = asyncio.create_task(place.leave("w1"))
    state = await place.stage.log.state("s1")
    while state.worker_id is not None:
        await asyncio.sleep(0.001)
        state = await place.stage.log.state("s1")
    assert not state.ended
    go_on.set()
    await leaving
    place.stage.models = Stage(engine).models
    place.start("w2")
    events = await listener.all()
    assert said(events) == SPOKEN.text
    assert reason(events) is EndReason.CLIENT_ENDED


async def test_one_session_that_fails_leaves_the_others_alone(
    place: Place, engine: ToldEngine
) -> None:
    hear = engine.decode

    def decode(requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        if any(np.abs(request.audio).max() > 0.99 for request in requests):
            raise RuntimeError("too loud")
        return hear(requests)

    engine.decode = decode
    loud = np.where(SPOKEN.pcm >= 0, 32_767, -32_768).astype(np.int16)
    for name, pcm in (("loud", loud), ("good", SPOKEN.pcm), ("lost", SPOKEN.pcm)):
        await place.stage.open(name, vad=name != "loud", language="sw" if name == "lost" else "en")
        await place.stage.feed(ToldSession(pcm, ()), name)
        await place.stage.end(name)
    place.start("w1")
    assert reason(await until_ended(place, "loud")) is EndReason.FAILED
    assert reason(await until_ended(place, "lost")) is EndReason.FAILED
    events = await until_ended(place, "good")
    assert said(events) == SPOKEN.text
    assert reason(events) is EndReason.CLIENT_ENDED


async def test_a_session_that_is_taken_away_and_given_back_is_served_on(place: Place) -> None:
    """The same worker claims it again before its first host has noticed."""
    await place.stage.open()
    place.start("w1", max_sessions=2)
    await place.report("w1", lambda report: report.sessions == ("s1",))
    await place.stage.log.release(Claim("s1", "w1", 1, SessionConfig(), None))
    await place.report("w1", lambda report: report.sessions == ("s1", "s1"))
    await place.stage.feed(SPOKEN)
    await place.stage.end()
    events = await until_ended(place, "s1")
    assert said(events) == SPOKEN.text
    assert reason(events) is EndReason.CLIENT_ENDED
    await place.report("w1", lambda report: report.sessions == () and report.ready)


async def test_a_deleted_session_is_forgotten(place: Place) -> None:
    await place.stage.open()
    place.start("w1")
    await place.report("w1", lambda report: report.sessions == ("s1",))
    await place.stage.log.delete("s1")
    await place.report("w1", lambda report: report.sessions == () and report.ready)


async def test_a_log_that_is_gone_ends_the_worker(place: Place) -> None:
    class Gone:
        def __getattr__(self, name: str) -> Any:
            if name == "claim":
                return self.claim
            return getattr(place.stage.log, name)

        async def claim(self, worker_id: str, *, wait_s: float = 0.0) -> None:
            raise BackendUnavailable("the connection is gone")

    place.start("w1", log=Gone())
    _, running = place.workers.pop("w1")
    with pytest.raises(BackendUnavailable):
        await asyncio.wait_for(running, 30)


# Jobs


async def submit(place: Place, kind: JobKind, job: msgspec.Struct) -> bytes:
    return await place.desk.submit(kind, msgspec.msgpack.encode(job), timeout_s=30)


async def test_files_are_jobs(place: Place) -> None:
    place.start("w1")
    job = TranscribeJob(pcm=SPOKEN.pcm.tobytes(), language="en")
    found = msgspec.msgpack.decode(await submit(place, JobKind.TRANSCRIBE, job), type=Transcription)
    assert [word.word for segment in found.segments for word in segment.words] == SPOKEN.text
    assert found.duration == round(len(SPOKEN.pcm) / 16_000, 3)


async def test_models_are_loaded_and_unloaded(place: Place) -> None:
    place.start("w1")
    loaded = await submit(place, JobKind.LOAD_MODEL, ModelJob(model="small"))
    assert msgspec.msgpack.decode(loaded, type=LoadedModel).references == 0
    await place.report("w1", lambda report: len(report.models) == 2)
    assert await submit(place, JobKind.UNLOAD_MODEL, ModelJob(model="small")) == b"\xc0"
    with pytest.raises(NotFound, match="small"):
        await submit(place, JobKind.UNLOAD_MODEL, ModelJob(model="small"))


async def test_a_job_that_fails_is_told_and_the_worker_goes_on(
    place: Place, engine: ToldEngine
) -> None:
    place.start("w1", max_jobs=1)
    hear = engine.decode

    def boom(requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        raise RuntimeError("boom")

    engine.decode = boom
    job = TranscribeJob(pcm=SPOKEN.pcm.tobytes(), language="en")
    with pytest.raises(InternalError, match="log says why"):
        await submit(place, JobKind.TRANSCRIBE, job)
    with pytest.raises(Exception, match="'sw'"):
        await submit(
            place, JobKind.TRANSCRIBE, TranscribeJob(pcm=SPOKEN.pcm.tobytes(), language="sw")
        )
    engine.decode = hear
    assert await submit(place, JobKind.TRANSCRIBE, job)


# Leaving by wish, and taking no more than goes


async def drained(place: Place, name: str) -> int:
    """Have a worker drained by a job; return its exit code once it is gone."""
    worker, running = place.workers.pop(name)
    payload = msgspec.msgpack.encode(DrainJob())
    await place.desk.submit(JobKind.DRAIN, payload, worker_id=name, timeout_s=30)
    await asyncio.wait_for(running, 30)
    return worker.exit_code


async def test_a_drained_worker_gives_its_sessions_to_others_and_no_word_is_lost(
    place: Place, engine: ToldEngine
) -> None:
    names = ["a", "b", "c"]
    listeners = [Listener(place.stage.log, name) for name in names]
    for name in names:
        await place.stage.open(name)
    place.start("w1")
    await place.report("w1", lambda report: len(report.sessions) == 3)
    for name in names:
        await place.stage.feed(SPOKEN, name)
    while len(engine.requests) < 6:  # noqa: ASYNC110 - the engine is in a thread
        await asyncio.sleep(0.001)
    assert await drained(place, "w1") == EXIT_DRAINED
    last = await place.report("w1", lambda report: report.draining)
    assert (last.ready, last.why_not, last.sessions) == (False, "it is leaving", ())
    assert [state.worker_id for state in await place.stage.log.sessions()] == [None] * 3
    place.stage.models = Stage(engine).models
    place.start("w2")
    for name in names:
        await place.stage.end(name)
    for listener in listeners:
        events = await listener.all()
        assert said(events) == SPOKEN.text
        assert reason(events) is EndReason.CLIENT_ENDED


async def epochs(place: Place) -> dict[str, int]:
    return {state.session_id: state.epoch for state in await place.stage.log.sessions()}


async def test_a_relieved_worker_gives_back_what_it_took_last_and_no_word_is_lost(
    place: Place, engine: ToldEngine
) -> None:
    names = ["a", "b", "c"]
    listeners: list[Listener] = []
    place.start("w1")
    for number, name in enumerate(names, 1):
        await place.stage.open(name)
        listeners.append(Listener(place.stage.log, name))
        await place.report("w1", lambda report, number=number: len(report.sessions) == number)
    for name in names:
        await place.stage.feed(SPOKEN, name)
    while len(engine.requests) < 6:  # noqa: ASYNC110 - the engine is in a thread
        await asyncio.sleep(0.001)
    for wanted in (2, 10):
        before = await epochs(place)
        payload = msgspec.msgpack.encode(RelieveJob(sessions=wanted))
        await place.desk.submit(JobKind.RELIEVE, payload, worker_id="w1", timeout_s=30)
        async with asyncio.timeout(30):
            while (now := await epochs(place)) != {
                "a": before["a"],
                "b": before["b"] + 1,
                "c": before["c"] + 1,
            }:
                assert now["a"] == before["a"], now
                await asyncio.sleep(0.001)
    for name in names:
        await place.stage.end(name)
    for listener in listeners:
        events = await listener.all()
        assert said(events) == SPOKEN.text
        assert reason(events) is EndReason.CLIENT_ENDED


async def test_one_that_is_to_be_replaced_serves_on_until_another_is_there(place: Place) -> None:
    worker = place.start("w1")
    await place.report("w1", lambda report: report.ready)
    payload = msgspec.msgpack.encode(DrainJob(replace=True))
    await place.desk.submit(JobKind.DRAIN, payload, worker_id="w1", timeout_s=30)
    report = await place.report("w1", lambda report: report.to_replace)
    assert report.ready and not report.draining
    await place.stage.open()
    await place.report("w1", lambda report: report.sessions == ("s1",))
    assert worker.exit_code == 0


async def test_while_its_sessions_are_behind_it_takes_no_more(
    place: Place, engine: ToldEngine
) -> None:
    go_on = threading.Event()
    hear = engine.decode

    def decode(requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        assert go_on.wait(30)
        return hear(requests)

    engine.decode = decode
    admission = AdmissionOptions(lag=Band(1.0, 0.5))
    place.start("w1", admission=admission)
    await place.stage.open("a")
    await place.stage.feed(SPOKEN, "a")
    report = await place.report("w1", lambda report: report.why_not)
    assert "behind" in report.why_not and not report.ready
    assert report.lag_s >= 1.0 and report.sessions == ("a",)
    # A question that was asked before may still be answered with one session.
    for name in ("b", "c"):
        await place.stage.open(name)
    await place.report("w1", lambda report: "b" in report.sessions)
    await asyncio.sleep(0.2)
    assert (await place.stage.log.state("c")).worker_id is None
    go_on.set()
    report = await place.report("w1", lambda report: "c" in report.sessions)
    assert report.ready and report.why_not is None


async def test_it_tells_since_when_it_holds_sessions_and_what_they_cost(place: Place) -> None:
    place.start("w1", max_sessions=3)
    await place.stage.open("a")
    await place.stage.feed(SPOKEN, "a")
    report = await place.report("w1", lambda report: report.rtf is not None)
    assert report.max_sessions == 3
    assert report.started_at == EPOCH
    assert 0 < report.rtf < 1 and report.load < 1
    assert report.claim_ages_s[0] >= 1 > report.touch_ages_s[0]
    [model] = report.models
    assert model.busy_s > 0


async def test_a_log_that_is_away_for_a_while_is_waited_for(place: Place) -> None:
    class Away:
        """Out of reach until ``back``."""

        def __init__(self) -> None:
            self.back = False
            self.asked = asyncio.Event()

        def __getattr__(self, name: str) -> Any:
            return getattr(place.stage.log, name)

        async def claim(self, worker_id: str, *, wait_s: float = 0.0) -> Claim | None:
            if self.back:
                return await place.stage.log.claim(worker_id, wait_s=wait_s)
            self.asked.set()
            raise BackendUnavailable("the connection is gone")

    log = Away()
    place.start("w1", log=log, patience_s=60.0)
    await log.asked.wait()
    await place.stage.open()
    log.back = True
    await place.report("w1", lambda report: report.sessions == ("s1",))
