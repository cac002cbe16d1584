"""The life of sessions, in virtual time, over the log in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from livetranslate.domain.errors import (
    BackendUnavailable,
    Conflict,
    InvalidInput,
    NotFound,
    Overloaded,
    SequenceGap,
    SessionBusy,
    SessionClosed,
)
from livetranslate.domain.events import SessionEnded, SessionError, SessionQueued
from livetranslate.domain.session import (
    SESSION_ID_PATTERN,
    ConfigUpdate,
    EndReason,
    SessionConfig,
    SessionStatus,
)
from livetranslate.sessions.log.base import Appended, AudioEntry, LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.manager import ManagerOptions, SessionManager
from support.clock import VirtualClock, settle
from support.records import MemoryRecords
from support.sessions import ended, fatal, pcm, started
from support.workers import serve, work

CONFIG = SessionConfig()


class Connection:
    """A feeder that notes which sessions were taken from it."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    def taken_over(self, session_id: str) -> None:
        self.lost.append(session_id)


@dataclass
class House:
    log: MemorySessionLog
    records: MemoryRecords
    manager: SessionManager
    client: Connection = field(default_factory=Connection)
    workers: list[asyncio.Task[None]] = field(default_factory=list)

    def hire(self, name: str = "w1") -> None:
        self.workers.append(asyncio.create_task(work(self.log, name)))

    async def open(self, session_id: str | None = "a", config: SessionConfig = CONFIG) -> str:
        state = await self.manager.open(session_id, config, kind="api", feeder=self.client)
        return state.session_id

    async def feed(self, session_id: str = "a", chunks: int = 1) -> None:
        for _ in range(chunks):
            await self.manager.feed(session_id, self.client, None, pcm(0.1))

    async def kinds(self, session_id: str = "a") -> list[str]:
        return [type(event).__name__ for event in await self.log.read_events(session_id, 0)]


@asynccontextmanager
async def built(
    log_options: LogOptions | None = None, options: ManagerOptions | None = None
) -> AsyncIterator[House]:
    clock = VirtualClock()
    log = MemorySessionLog(log_options, clock=clock)
    records = MemoryRecords()
    house = House(log, records, SessionManager(log, records, options=options, clock=clock))
    house.manager.start()
    yield house
    records.away = False
    for worker in house.workers:
        worker.cancel()
    await house.manager.close(0.1)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with built() as house:
        yield house


@pytest.fixture
async def build():
    async with AsyncExitStack() as stack:

        async def make(log_options=None, options=None) -> House:
            return await stack.enter_async_context(built(log_options, options))

        yield make


# Opening


async def test_a_session_from_first_sample_to_last_event(house: House):
    house.hire()
    session_id = await house.open(None)
    assert SESSION_ID_PATTERN.match(session_id) and session_id.startswith("session-1735689600-")
    await house.feed(session_id, 3)
    await house.manager.end(session_id)
    await asyncio.sleep(1)
    assert house.records.of(session_id) == [
        "created api",
        "SessionStarted",
        "active",
        *["TranscriptionResult"] * 3,
        "SessionEnded",
        "completed",
    ]
    assert house.records.reasons[session_id] is EndReason.CLIENT_ENDED


async def test_the_row_comes_first(house: House):
    house.records.away = True
    with pytest.raises(BackendUnavailable):
        await house.open("a")
    with pytest.raises(NotFound):
        await house.log.state("a")
    house.records.away = False
    await house.open("a")


async def test_a_session_that_the_log_refuses_leaves_no_row(build):
    house = await build(LogOptions(max_sessions=1))
    await house.open("a")
    with pytest.raises(Overloaded):
        await house.open("b")
    assert "b" not in house.records.status
    with pytest.raises(NotFound):
        await house.manager.feed("b", house.client, None, b"")


async def test_a_caller_that_goes_away_leaves_a_session_to_resume(build):
    house = await build(options=ManagerOptions(resume_window_s=60))
    opening = asyncio.create_task(house.open("a"))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await settle()
    assert house.records.status["a"] is SessionStatus.INITIALIZING
    with pytest.raises(SessionBusy, match="not fed here"):
        await house.feed("a")
    await asyncio.sleep(61)
    assert (await house.log.state("a")).ending is EndReason.DISCONNECTED


async def test_ids_and_values_are_checked(house: House):
    with pytest.raises(InvalidInput) as caught:
        await house.open("no blanks please")
    assert caught.value.field == "session_id"
    with pytest.raises(InvalidInput) as caught:
        await house.open("a", SessionConfig(language="English"))
    assert caught.value.field == "config.language"
    assert house.records.history == []


async def test_an_id_that_lives_is_busy_and_one_that_ended_is_taken(house: House):
    first, second = await asyncio.gather(house.open("a"), house.open("a"), return_exceptions=True)
    assert first == "a" and isinstance(second, SessionBusy)
    with pytest.raises(SessionBusy, match="resume_session"):
        await house.open("a")
    await house.log.append_system_events("a", [ended("a")])
    with pytest.raises(Conflict, match="ended"):
        await house.open("a")


# Feeding


async def test_chunks_are_numbered_on_or_name_their_number(house: House):
    await house.open("a")
    acks = [
        await house.manager.feed("a", house.client, seq, pcm(0.1)) for seq in (None, 1, 1, None)
    ]
    assert [ack.seq for ack in acks] == [0, 1, 1, 2]
    with pytest.raises(SequenceGap):
        await house.manager.feed("a", house.client, 7, pcm(0.1))
    assert (await house.manager.feed("a", house.client, None, pcm(0.1))).seq == 3


async def test_chunks_sent_at_once_keep_their_order(house: House):
    await house.open("a")
    feeds = [house.manager.feed("a", house.client, None, pcm(0.1, n)) for n in range(20)]
    assert [ack.seq for ack in await asyncio.gather(*feeds)] == list(range(20))
    entries = await house.log.read_entries("a", -1)
    assert [entry.chunk.pcm[0] for entry in entries] == list(range(20))


async def test_only_the_feeder_feeds(house: House):
    await house.open("a")
    with pytest.raises(SessionBusy, match="another connection"):
        await house.manager.feed("a", Connection(), None, pcm(0.1))
    assert (await house.log.state("a")).next_seq == 0


async def test_resuming_takes_a_session_over_and_says_so(house: House):
    await house.open("a")
    await house.feed("a", 3)
    other = Connection()
    assert (await house.manager.resume("a", other)).next_seq == 3
    assert house.client.lost == ["a"]
    with pytest.raises(SessionBusy):
        await house.feed("a")
    assert (await house.manager.feed("a", other, None, pcm(0.1))).seq == 3
    await house.manager.feeder_gone("a", house.client)
    assert (await house.manager.feed("a", other, 3, pcm(0.1))).seq == 3
    await house.manager.resume("a", other)
    assert other.lost == []
    assert (await house.manager.feed("a", other, None, pcm(0.1))).seq == 4


async def test_a_takeover_while_a_chunk_waits_doubles_nothing(build):
    house = await build(LogOptions(max_backlog_s=1.0))
    await house.open("a")
    await house.manager.feed("a", house.client, None, pcm(1, 1))
    stuck = asyncio.create_task(house.manager.feed("a", house.client, None, pcm(0.5, 2)))
    behind = asyncio.create_task(house.manager.feed("a", house.client, None, pcm(0.5, 3)))
    await settle()
    other = Connection()
    state = await house.manager.resume("a", other)
    again = asyncio.create_task(house.manager.feed("a", other, None, pcm(0.5, 2)))
    assert state.next_seq == 1
    claim = await house.log.claim("w")
    assert claim is not None
    await house.log.append_events(claim, [], processed=0)
    for late in (stuck, behind):
        with pytest.raises(SessionBusy):
            await late
    assert (await again).seq == 1
    entries = await house.log.read_entries("a", -1)
    assert [entry.chunk.pcm[0] for entry in entries] == [1, 2]


class AwayLog(MemorySessionLog):
    """A log that takes a chunk but cannot say so, and then is away for a while."""

    failures = 0

    async def append_audio(
        self, session_id: str, seq: int, pcm: bytes, *, feeder: str | None = None
    ) -> Appended:
        if self.failures:
            self.failures -= 1
            if self.failures == 3:
                await super().append_audio(session_id, seq, pcm, feeder=feeder)
            raise BackendUnavailable("away")
        return await super().append_audio(session_id, seq, pcm, feeder=feeder)


async def test_a_log_that_is_away_holds_the_feeder_and_loses_nothing():
    log = AwayLog(clock=VirtualClock())
    manager = SessionManager(log, clock=VirtualClock())
    client = Connection()
    await manager.open("a", CONFIG, kind="api", feeder=client)
    await manager.feed("a", client, None, pcm(0.1, 1))
    log.failures = 6
    chunks = [asyncio.create_task(manager.feed("a", client, None, pcm(0.1, n))) for n in (2, 3)]
    await asyncio.sleep(0.2)
    assert not any(chunk.done() for chunk in chunks)
    assert [(await chunk).seq for chunk in chunks] == [1, 2]
    entries = await log.read_entries("a", -1)
    assert [entry.chunk.pcm[0] for entry in entries if isinstance(entry, AudioEntry)] == [1, 2, 3]
    log.failures = 1_000_000
    stuck = asyncio.create_task(manager.feed("a", client, None, pcm(0.1)))
    await asyncio.sleep(10)
    await manager.feeder_gone("a", client)
    with pytest.raises(BackendUnavailable):
        await stuck


class LogOutOfReach(MemorySessionLog):
    """A log that no upkeep reaches while it is away."""

    away = False

    async def lead(self, holder: str, ttl_s: float) -> bool:
        if self.away:
            raise BackendUnavailable("away")
        return await super().lead(holder, ttl_s)

    async def attend(self, feeders: Mapping[str, str]) -> frozenset[str]:
        if self.away:
            raise BackendUnavailable("away")
        return await super().attend(feeders)


async def test_while_the_log_is_away_no_feeder_counts_as_gone():
    log = LogOutOfReach(clock=VirtualClock())
    manager = SessionManager(log, clock=VirtualClock())
    manager.start()
    clients = {name: Connection() for name in ("stays", "returns", "gone")}
    for name, client in clients.items():
        await manager.open(name, CONFIG, kind="api", feeder=client)
    log.away = True
    await asyncio.sleep(120)
    for name in ("returns", "gone"):
        await manager.leave(name, clients[name])
    await asyncio.sleep(120)
    log.away = False
    await asyncio.sleep(50)
    await manager.resume("returns", clients["returns"])
    await asyncio.sleep(50)
    ending = {name: (await log.state(name)).ending for name in clients}
    assert ending == {"stays": None, "returns": None, "gone": EndReason.DISCONNECTED}
    await manager.close(0.1)


async def test_sessions_that_stay_are_left_to_others_when_the_service_stops():
    log = MemorySessionLog(clock=VirtualClock())
    options = ManagerOptions(sessions_stay=True)
    first, second = (SessionManager(log, options=options, clock=VirtualClock()) for _ in range(2))
    first.start()
    second.start()
    client = Connection()
    await first.open("a", CONFIG, kind="api", feeder=client)
    await first.feed("a", client, None, pcm(0.1))
    await first.close()
    state = await log.state("a")
    assert (state.ending, state.feeder) == (None, None)
    assert (await second.resume("a", client)).next_seq == 1
    await second.feed("a", client, None, pcm(0.1))
    await asyncio.sleep(100)
    assert (await log.state("a")).ending is None
    await second.feeder_gone("a", client)
    await asyncio.sleep(61)
    assert (await log.state("a")).ending is EndReason.DISCONNECTED
    await second.close()


async def test_a_feeder_is_told_that_another_instance_took_its_session():
    log = MemorySessionLog(clock=VirtualClock())
    here, there = (SessionManager(log, clock=VirtualClock()) for _ in range(2))
    here.start()
    mine, theirs = Connection(), Connection()
    for session_id in "ab":
        await here.open(session_id, CONFIG, kind="api", feeder=mine)
        await there.resume(session_id, theirs)
    with pytest.raises(SessionBusy):
        await here.feed("a", mine, None, pcm(0.1))
    assert mine.lost == ["a"]
    await asyncio.sleep(3)
    assert mine.lost == ["a", "b"]
    await here.close()


async def test_the_sessions_of_a_dead_instance_are_ended_and_recorded_by_another():
    log = MemorySessionLog(clock=VirtualClock())
    records = MemoryRecords()
    await log.create("b", CONFIG, kind="bot", feeder="of the dead", to_record=True)
    alive = SessionManager(log, records, clock=VirtualClock())
    alive.start()
    worker = asyncio.create_task(work(log, "w1"))
    await asyncio.sleep(100)
    assert (await log.state("b")).ending is EndReason.DISCONNECTED
    assert records.status["b"] is SessionStatus.COMPLETED
    assert (await log.state("b")).recorded == (await log.state("b")).last_event_id
    worker.cancel()
    await alive.close()


async def test_a_lost_feeder_may_come_back_within_the_window(house: House):
    await house.open("a")
    await house.feed("a", 2)
    await house.manager.feeder_gone("a", house.client)
    with pytest.raises(SessionBusy, match="not fed here"):
        await house.feed("a")
    await asyncio.sleep(59)
    assert (await house.manager.resume("a", house.client)).next_seq == 2
    await house.feed("a")
    await asyncio.sleep(120)
    assert (await house.manager.state("a")).ending is None


async def test_a_session_whose_feeder_stays_away_is_flushed_and_ended(house: House):
    house.hire()
    await house.open("a")
    await house.feed("a", 2)
    await house.manager.leave("a", house.client)
    await asyncio.sleep(62)
    state = await house.manager.state("a")
    assert (state.ended, state.ending) == (True, EndReason.DISCONNECTED)
    assert (await house.kinds()).count("TranscriptionResult") == 2
    assert house.records.reasons["a"] is EndReason.DISCONNECTED


async def test_a_closed_session_says_so(house: House):
    house.hire()
    await house.open("a")
    await house.feed("a")
    await house.manager.end("a")
    await house.manager.end("a")
    with pytest.raises(SessionClosed, match="client_ended"):
        await house.feed("a")
    await asyncio.sleep(5)
    with pytest.raises(SessionClosed, match="client_ended"):
        await house.feed("a")
    with pytest.raises(SessionClosed):
        await house.manager.update("a", ConfigUpdate(language="de"))
    assert (await house.manager.resume("a", Connection())).ended
    await asyncio.sleep(700)
    for call in (
        house.feed("a"),
        house.manager.resume("a", Connection()),
        house.manager.end("a"),
        house.manager.update("a", ConfigUpdate()),
        house.manager.keep_alive("a"),
    ):
        with pytest.raises(NotFound, match="no session a"):
            await call


async def test_an_update_is_checked_and_logged(house: House):
    await house.open("a")
    with pytest.raises(InvalidInput) as caught:
        await house.manager.update("a", ConfigUpdate(target_languages=("Spanish",)))
    assert caught.value.field == "config.target_languages"
    await house.manager.update("a", ConfigUpdate(target_languages=("es",)))
    assert (await house.manager.state("a")).config.target_languages == ("es",)


# Waiting for workers


async def test_queued_sessions_are_told_their_place(house: House):
    for session_id in ("a", "b", "c"):
        await house.open(session_id)
    await asyncio.sleep(2)
    claim = await house.log.claim("w1")
    assert claim is not None and claim.session_id == "a"
    await house.log.append_events(claim, [started("a"), ended("a")])
    await asyncio.sleep(2)
    places = {
        name: [
            event.position
            for event in await house.log.read_events(name, 0)
            if isinstance(event, SessionQueued)
        ]
        for name in ("a", "b", "c")
    }
    assert places == {"a": [1], "b": [2, 1], "c": [3, 2]}


async def test_a_session_taken_at_once_is_told_nothing_of_a_queue(house: House):
    house.hire()
    await house.open("a")
    await asyncio.sleep(5)
    assert await house.kinds() == ["SessionStarted"]
    await asyncio.sleep(0.4)
    for worker in house.workers:
        worker.cancel()
    await house.open("b")
    await asyncio.sleep(0.3)
    assert await house.log.claim("w2") is not None
    await asyncio.sleep(2)
    assert "SessionQueued" not in await house.kinds("b")


async def test_an_idle_session_expires_everywhere(house: House):
    house.hire()
    await house.open("a")
    await asyncio.sleep(1799)
    assert (await house.manager.state("a")).ending is None
    await asyncio.sleep(5)
    assert house.records.reasons["a"] is EndReason.EXPIRED
    assert house.records.status["a"] is SessionStatus.COMPLETED
    await asyncio.sleep(601)
    assert await house.manager.sessions() == []


async def test_listeners_keep_a_session_alive(house: House):
    house.hire()
    await house.open("a")
    for _ in range(4):
        await asyncio.sleep(1000)
        await house.manager.keep_alive("a")
    assert (await house.manager.state("a")).ending is None


async def test_a_session_that_no_worker_finishes_fails(build):
    house = await build(options=ManagerOptions(finish_timeout_s=100))
    await house.open("a")
    await house.feed("a", 2)
    await house.manager.end("a")
    await asyncio.sleep(102)
    *_, error, last = await house.log.read_events("a", 0)
    assert isinstance(error, SessionError) and error.fatal
    assert isinstance(last, SessionEnded) and last.reason is EndReason.FAILED
    assert (last.statistics.audio_s, last.statistics.chunks) == (0.2, 2)
    await settle()
    assert house.records.status["a"] is SessionStatus.FAILED
    assert house.records.errors["a"] == "no worker finished this session"


async def test_a_session_that_kills_every_worker_is_given_up(build):
    house = await build(options=ManagerOptions(max_attempts=3))
    await house.open("deadly")
    await house.feed("deadly")
    for _ in range(3):
        assert (await house.manager.state("deadly")).ending is None
        claim = await house.log.claim("w")
        assert claim is not None
        await house.log.append_events(claim, [started("deadly")])
        await house.log.release(claim)
        await asyncio.sleep(1)
    assert await house.log.claim("w") is None
    assert house.records.status["deadly"] is SessionStatus.FAILED


async def test_workers_lost_at_different_places_are_no_reason_to_give_up(build):
    house = await build(options=ManagerOptions(max_attempts=3))
    await house.open("a")
    for position in range(6):
        await house.feed("a", 2)
        claim = await house.log.claim("w")
        assert claim is not None
        await house.log.append_events(claim, [], processed=position)
        await house.log.release(claim)
        await asyncio.sleep(1)
    assert (await house.manager.state("a")).ending is None


async def test_a_session_failed_by_its_worker_is_failed(house: House):
    await house.open("a")
    claim = await house.log.claim("w")
    assert claim is not None
    await house.log.append_events(claim, [fatal("a"), ended("a", EndReason.FAILED)])
    await settle()
    assert house.records.of("a")[-1] == "failed"
    assert house.records.errors["a"] == "the model is broken"


async def test_another_worker_takes_over_and_nothing_is_lost_or_doubled(house: House):
    await house.open("a")
    await house.feed("a", 3)
    stopped = await house.log.claim("stopped")
    assert stopped is not None
    house.hire()
    await asyncio.sleep(5)
    await house.feed("a", 3)
    await house.manager.end("a")
    await asyncio.sleep(5)
    finals = [
        event.text
        for event in house.records.events["a"].values()
        if type(event).__name__ == "TranscriptionResult"
    ]
    assert finals == ["0", "1", "2", "3", "4", "5"]


# Deleting and stopping


async def test_a_deleted_session_is_gone_everywhere(house: House):
    house.hire()
    await house.open("a")
    await house.open("b")
    await house.feed("a")
    await settle()
    listening = asyncio.create_task(house.log.read_events("a", 2, wait_s=100))
    await settle()
    await house.manager.delete("a")
    (last,) = await listening
    assert isinstance(last, SessionEnded) and last.reason is EndReason.DELETED
    assert "a" not in house.records.status and "b" in house.records.status
    with pytest.raises(NotFound):
        await house.feed("a")
    await asyncio.sleep(5)
    assert house.records.of("a")[-1] == "deleted"
    state = house.manager.recorder_state()
    assert state is not None and (state.sessions, state.waiting) == (1, 0)
    assert [state.session_id for state in await house.manager.sessions()] == ["b"]


async def test_a_queued_session_that_is_deleted_leaves_the_queue(house: House):
    await house.open("a")
    await house.manager.delete("a")
    assert vars(house.log)["_offers"] == {}
    await house.open("a")


async def test_a_session_is_kept_until_the_database_has_it(house: House):
    house.hire()
    await house.open("a")
    await settle()
    house.records.away = True
    await house.feed("a", 3)
    await house.manager.end("a")
    await asyncio.sleep(1200)
    assert (await house.manager.state("a")).ended
    house.records.away = False
    await asyncio.sleep(20)
    assert house.records.of("a").count("TranscriptionResult") == 3
    assert house.records.status["a"] is SessionStatus.COMPLETED
    assert await house.manager.sessions() == []


async def test_deleting_can_be_repeated_when_the_database_was_away(house: House):
    await house.open("a")
    house.records.away = True
    with pytest.raises(BackendUnavailable):
        await house.manager.delete("a")
    house.records.away = False
    await house.manager.delete("a")
    assert "a" not in house.records.status
    with pytest.raises(NotFound):
        await house.manager.state("a")


async def test_stopping_ends_and_records_every_session(house: House):
    house.hire()
    await house.open("a")
    await house.open("b")
    await house.feed("a", 3)
    await house.manager.close()
    assert house.records.of("a").count("TranscriptionResult") == 3
    assert house.records.status["a"] is SessionStatus.COMPLETED
    # The one worker there is serves "a" first and then "b".
    assert house.records.status["b"] is SessionStatus.COMPLETED
    with pytest.raises(Overloaded) as caught:
        await house.open("c")
    assert caught.value.retry_after_s is not None
    assert asyncio.get_running_loop().time() < 5


async def test_stopping_without_workers_takes_no_longer_than_granted(house: House):
    await house.open("a")
    await house.feed("a")
    await house.manager.close(grace_s=7)
    assert house.records.status["a"] is SessionStatus.FAILED
    assert asyncio.get_running_loop().time() == pytest.approx(7, abs=0.1)


async def test_nothing_is_left_of_sessions_that_are_over(house: House):
    house.hire()
    for number in range(5):
        await house.open(f"s{number}")
        await house.feed(f"s{number}")
        await house.manager.end(f"s{number}")
    await asyncio.sleep(700)
    assert await house.log.sessions() == []
    assert vars(house.log)["_offers"] == {}
    assert len(vars(house.manager)["_slots"]) == 0 and vars(house.manager)["_opening"] == {}
    state = house.manager.recorder_state()
    assert state is not None and (state.sessions, state.waiting, state.lost) == (0, 0, 0)
    tasks = {task.get_name() for task in asyncio.all_tasks()}
    assert not any(name.startswith("record") for name in tasks)


async def test_a_fault_in_upkeep_does_not_stop_it(house: House, monkeypatch: pytest.MonkeyPatch):
    async def broken(**_: object) -> None:
        raise RuntimeError("once")

    await house.open("a")
    with monkeypatch.context() as patched:
        patched.setattr(house.log, "sweep", broken)
        await asyncio.sleep(2)
    await asyncio.sleep(2)
    assert await house.kinds() == ["SessionQueued"]


async def test_sessions_are_served_beside_each_other(house: House):
    for number in range(4):
        house.hire(f"w{number}")
    names = [f"s{number}" for number in range(20)]
    for name in names:
        await house.open(name)
        await house.feed(name, 5)
        await house.manager.end(name)
    await asyncio.sleep(5)
    for name in names:
        finals = [e for e in house.records.events[name].values() if hasattr(e, "text")]
        assert [(e.session_id, e.text) for e in finals] == [(name, str(n)) for n in range(5)]
        assert house.records.status[name] is SessionStatus.COMPLETED


async def test_a_manager_without_database_keeps_nothing():
    clock = VirtualClock()
    log = MemorySessionLog(clock=clock)
    manager = SessionManager(log, clock=clock)
    state = await manager.open(None, CONFIG, kind="api", feeder=Connection())
    serving = asyncio.create_task(log.claim("w", wait_s=5))
    claim = await serving
    assert claim is not None and claim.session_id == state.session_id
    serving = asyncio.create_task(serve(log, claim))
    assert manager.recorder_state() is None
    await manager.close()
    await serving
    await manager.delete(state.session_id)
    with pytest.raises(NotFound):
        await manager.delete(state.session_id)
