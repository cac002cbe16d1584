"""Scaling: up while sessions wait, down while fewer would do, within bounds and without haste."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetranslate.sessions.pool.scaling import (
    NOTHING,
    Demand,
    PoolWorker,
    Scale,
    Scaling,
    ScalingOptions,
)


def worker(name: str, sessions: int = 0, *, load: float = 0.0, ready: bool = True) -> PoolWorker:
    return PoolWorker(worker_id=name, sessions=sessions, max_sessions=10, load=load, ready=ready)


def scaling(least: int = 1, most: int = 4) -> Scaling:
    return Scaling(ScalingOptions(least=least, most=most, wait_s=2.0, full_s=5.0, idle_s=60.0))


def looked(made: Scaling, demand: Demand, seconds: int = 1) -> Scale:
    found = NOTHING
    for _ in range(seconds):
        found = made.look(demand, 1.0)
    return found


def test_as_many_are_added_as_the_queue_fills():
    full = (worker("w1", 10, ready=False),)
    for queued, wanted in ((1, 1), (10, 1), (11, 2), (1000, 3)):
        demand = Demand(workers=full, queued=queued, longest_wait_s=2.0)
        assert looked(scaling(), demand).add == wanted


def test_a_short_wait_and_one_that_is_starting_are_no_reason():
    full = (worker("w1", 10, ready=False),)
    assert looked(scaling(), Demand(workers=full, queued=9, longest_wait_s=1.9)) == NOTHING
    starting = Demand(workers=full, queued=9, longest_wait_s=60.0, starting=1)
    assert looked(scaling(), starting, 100) == NOTHING


def test_one_is_added_before_anybody_waits_once_none_takes_sessions():
    full = Demand(workers=(worker("w1", 10, ready=False),))
    made = scaling()
    assert looked(made, full, 5) == NOTHING
    assert looked(made, full).add == 1


def test_the_emptiest_leaves_after_a_while_of_little_to_do():
    idle = Demand(workers=(worker("w1", 3), worker("w2", 1), worker("w3", 2)))
    made = scaling()
    assert looked(made, idle, 60) == NOTHING
    assert looked(made, idle).remove == "w2"


def test_a_moment_of_work_begins_the_while_anew():
    idle = Demand(workers=(worker("w1", 3), worker("w2", 1)))
    made = scaling()
    looked(made, idle, 59)
    looked(made, Demand(workers=(worker("w1", 7), worker("w2", 6))))
    assert looked(made, idle, 60) == NOTHING


def test_none_leaves_whose_sessions_the_others_could_not_take():
    made = scaling()
    assert looked(made, Demand(workers=(worker("w1", 4), worker("w2", 3))), 200) == NOTHING
    heavy = Demand(workers=(worker("w1", 1, load=0.5), worker("w2", 1, load=0.2)))
    assert looked(made, heavy, 200) == NOTHING
    busy = Demand(workers=(worker("w1", 1, ready=False), worker("w2", 1)))
    assert looked(made, busy, 200) == NOTHING


def test_while_one_leaves_no_other_does():
    idle = Demand(workers=(worker("w1"), worker("w2")), leaving=1)
    assert looked(scaling(), idle, 200) == NOTHING


demands = st.builds(
    Demand,
    workers=st.lists(
        st.builds(
            worker,
            st.uuids().map(str),
            st.integers(0, 10),
            load=st.floats(0, 2),
            ready=st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ),
    starting=st.integers(0, 2),
    leaving=st.integers(0, 1),
    queued=st.integers(0, 100),
    longest_wait_s=st.floats(0, 100),
)


@given(st.lists(demands, max_size=20), st.integers(1, 3), st.integers(0, 3))
def test_the_bounds_hold_whatever_is_asked(seen: list[Demand], least: int, more: int):
    made = Scaling(ScalingOptions(least=least, most=least + more, idle_s=1.0, full_s=1.0))
    for demand in seen:
        running = len(demand.workers) + demand.starting
        scale = made.look(demand, 1.0)
        assert scale.add == 0 or running + scale.add <= least + more
        assert scale.remove is None or running - 1 >= least
        assert not (scale.add and scale.remove)
