"""Workers that hang are killed, those that have outgrown their memory replaced."""

from __future__ import annotations

from livetranslate.sessions.pool.health import HealthOptions, Patient, PoolHealth, Treatment

MB = 1 << 20


def patient(**known: float | None) -> Patient:
    said = {"worker_id": "w1", "pid": 7, "running_s": 500.0, "silent_s": 1.0, **known}
    return Patient(**said)


def look(health: PoolHealth, **known: float | None) -> Treatment:
    return health.look([patient(**known)], 1.0)


def test_one_that_falls_silent_is_killed():
    health = PoolHealth(HealthOptions(silent_s=60.0))
    assert look(health, silent_s=59.0) == Treatment()
    assert look(health, silent_s=60.0).kill == ("w1",)


def test_one_whose_report_was_dropped_meanwhile_is_killed_too():
    health = PoolHealth(HealthOptions(silent_s=60.0))
    look(health, silent_s=1.0)
    assert look(health, silent_s=None).kill == ("w1",)


def test_a_start_may_take_longer():
    health = PoolHealth(HealthOptions(silent_s=60.0, start_s=300.0))
    assert look(health, running_s=299.0, silent_s=None) == Treatment()
    assert look(health, running_s=300.0, silent_s=None).kill == ("w1",)


def test_the_silence_of_the_process_before_is_not_that_of_this_one():
    health = PoolHealth(HealthOptions(silent_s=60.0, start_s=300.0))
    look(health, pid=7, silent_s=1.0)
    assert look(health, pid=8, running_s=5.0, silent_s=80.0) == Treatment()
    assert look(health, pid=8, running_s=100.0, silent_s=175.0) == Treatment()


def test_one_that_has_grown_is_replaced_after_a_while():
    health = PoolHealth(HealthOptions(max_memory_bytes=100 * MB, over_s=3.0))
    look(health, memory_bytes=50 * MB)
    for _ in range(3):
        assert look(health, memory_bytes=101 * MB) == Treatment()
    assert look(health, memory_bytes=101 * MB).replace == ("w1",)


def test_a_peak_is_no_growth():
    health = PoolHealth(HealthOptions(max_memory_bytes=100 * MB, over_s=3.0))
    look(health, memory_bytes=50 * MB)
    for _ in range(10):
        assert look(health, memory_bytes=101 * MB) == Treatment()
        assert look(health, memory_bytes=90 * MB) == Treatment()


def test_one_that_was_as_large_from_the_start_is_left_alone():
    health = PoolHealth(HealthOptions(max_memory_bytes=100 * MB, over_s=0.0))
    for _ in range(10):
        assert look(health, memory_bytes=110 * MB) == Treatment()
    assert look(health, memory_bytes=140 * MB).replace == ("w1",)
