"""Sessions move from workers that fall behind to workers with room."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.sessions.balancing import ANSWER_S, LOOK_S, Balancer
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.pool.balance import Balance, BalanceOptions, Relief
from livetranslate.sessions.work import JobKind, RelieveJob, WorkerReport
from support.clock import EPOCH
from support.reports import worker_report

OPTIONS = BalanceOptions()
LONG_S = OPTIONS.behind.on_after_s


def report(name: str, sessions: int, *, load: float, lag_s: float = 0.0, **rest) -> WorkerReport:
    return msgspec.structs.replace(
        worker_report(name),
        sessions=tuple(f"{name}-{number}" for number in range(sessions)),
        lags_s=(lag_s,) * sessions,
        load=load,
        max_sessions=rest.pop("max_sessions", 10),
        ready=rest.pop("ready", lag_s < 1),
        **rest,
    )


def after_a_while(*reports: WorkerReport, balance: Balance | None = None) -> Relief | None:
    """Look until the worker has been behind for long enough."""
    balance = balance or Balance(OPTIONS)
    assert balance.look(reports, 1.0) is None
    return balance.look(reports, LONG_S)


def test_a_worker_that_is_behind_is_relieved_of_what_is_too_much():
    busy, idle = report("busy", 8, load=1.6, lag_s=3.0), report("idle", 0, load=0.0)
    assert after_a_while(busy, idle) == Relief("busy", 4)


def test_no_more_move_than_the_others_have_room_for():
    busy, other = report("busy", 8, load=1.6, lag_s=3.0), report("other", 3, load=0.5)
    assert after_a_while(busy, other) == Relief("busy", 1)
    few = report("few", 0, load=0.0, max_sessions=2)
    assert after_a_while(busy, few) == Relief("busy", 2)


def test_the_first_move_shows_what_it_did_before_there_is_another():
    busy, idle = report("busy", 8, load=1.6, lag_s=3.0), report("idle", 0, load=0.0)
    balance = Balance(OPTIONS)
    assert after_a_while(busy, idle, balance=balance)
    assert balance.look((busy, idle), OPTIONS.pause_s - 1) is None
    assert balance.look((busy, idle), 1.0)


@pytest.mark.parametrize(
    ("giver", "taker"),
    [
        (report("w1", 8, load=1.6, lag_s=0.5), report("w2", 0, load=0.0)),
        (report("w1", 1, load=1.6, lag_s=9.0), report("w2", 0, load=0.0)),
        (report("w1", 8, load=1.6, lag_s=9.0, draining=True), report("w2", 0, load=0.0)),
        (report("w1", 8, load=1.6, lag_s=9.0), report("w2", 0, load=0.0, ready=False)),
        (report("w1", 8, load=1.6, lag_s=9.0), report("w2", 7, load=0.7)),
        (report("w1", 8, load=1.6, lag_s=9.0), report("w2", 9, load=0.1, max_sessions=9)),
        (report("w1", 8, load=1.6, lag_s=9.0), report("w2", 0, load=0.0, default_engine="x")),
    ],
    ids=["in time", "one session", "leaving", "not ready", "busy too", "full", "other engine"],
)
def test_else_they_stay(giver: WorkerReport, taker: WorkerReport):
    assert after_a_while(giver, taker) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.floats(0, 3), st.floats(0, 30), st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_nobody_gives_all_away_or_more_than_there_are_places_for(workers):
    reports = [
        report(f"w{number}", sessions, load=load, lag_s=lag_s, ready=ready, max_sessions=20)
        for number, (sessions, load, lag_s, ready) in enumerate(workers)
    ]
    relief = after_a_while(*reports)
    if relief is not None:
        by_name = {each.worker_id: each for each in reports}
        giver = by_name.pop(relief.worker_id)
        assert 1 <= relief.sessions < len(giver.sessions)
        assert relief.sessions <= sum(
            each.max_sessions - len(each.sessions) for each in by_name.values() if each.ready
        )


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def utc(self):
        return EPOCH


async def test_the_worker_is_told_and_silence_is_borne():
    desk, clock = MemoryDesk(), Clock()
    balancer = Balancer(desk, clock)

    async def rounds() -> None:
        for _ in range(int(LONG_S + OPTIONS.pause_s)):
            clock.now += LOOK_S
            await desk.report(report("busy", 8, load=1.6, lag_s=3.0))
            await desk.report(report("idle", 0, load=0.0))
            await balancer.look()

    going = asyncio.create_task(rounds())
    job = await desk.take_job("busy", wait_s=60)
    assert job is not None and job.kind is JobKind.RELIEVE
    assert msgspec.msgpack.decode(job.payload, type=RelieveJob) == RelieveJob(sessions=4)
    await asyncio.sleep(2 * ANSWER_S)
    await asyncio.wait_for(going, 60)
