"""Admission: free while there is room, one by one at the limit, not at all when sessions lag."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetranslate.monitoring.latch import Band, Latch
from livetranslate.sessions.pool.admission import (
    Admission,
    AdmissionOptions,
    Answer,
    WorkerFigures,
)

MB = 1 << 20


def looked(admission: Admission, seconds: int, **figures: float) -> Answer:
    for _ in range(seconds):
        admission.look(WorkerFigures(**figures), 1.0)
    return admission.answer


def test_a_burst_is_taken_at_once_while_there_is_room():
    admission = Admission(AdmissionOptions())
    looked(admission, 1, load=0.3)
    for _ in range(100):
        assert admission.answer is Answer.OPEN
        admission.taken()


def test_at_its_limit_a_worker_takes_one_and_looks_what_it_does():
    admission = Admission(AdmissionOptions(careful_s=5.0))
    assert looked(admission, 1, load=0.95) is Answer.CAREFUL
    admission.taken()
    assert admission.answer is Answer.CLOSED
    assert looked(admission, 4, load=0.95) is Answer.CLOSED
    assert looked(admission, 1, load=0.95) is Answer.CAREFUL
    admission.taken()
    assert looked(admission, 1, load=0.5) is Answer.OPEN


def test_sessions_that_lag_close_it_after_a_while_and_open_it_after_a_while():
    admission = Admission(AdmissionOptions(lag=Band(2.0, 1.0, on_after_s=2.0, off_after_s=2.0)))
    assert looked(admission, 2, lag_s=3.0) is Answer.OPEN
    assert looked(admission, 1, lag_s=0.0) is Answer.OPEN
    assert looked(admission, 3, lag_s=3.0) is Answer.CLOSED
    assert admission.why_not == "its sessions are 3.0 s behind"
    assert looked(admission, 10, lag_s=1.5) is Answer.CLOSED
    assert looked(admission, 2, lag_s=0.5) is Answer.CLOSED
    assert looked(admission, 1, lag_s=0.5) is Answer.OPEN


def test_memory_closes_it_at_once():
    admission = Admission(AdmissionOptions(max_memory_bytes=100 * MB))
    assert looked(admission, 1, memory_bytes=89 * MB) is Answer.OPEN
    assert looked(admission, 1, memory_bytes=90 * MB) is Answer.CLOSED
    assert "memory limit (90 MB" in str(admission.why_not)
    assert looked(admission, 1, memory_bytes=81 * MB) is Answer.CLOSED
    assert looked(admission, 1, memory_bytes=80 * MB) is Answer.OPEN
    assert looked(Admission(AdmissionOptions()), 9, memory_bytes=1 << 60) is Answer.OPEN


def test_a_full_machine_and_a_late_loop_close_it():
    admission = Admission(AdmissionOptions())
    assert looked(admission, 5, memory_percent=96.0) is Answer.CLOSED
    assert "96 %" in str(admission.why_not)
    assert looked(Admission(AdmissionOptions()), 10, loop_lag_s=1.0) is Answer.CLOSED


values = st.floats(0, 10)
looks = st.lists(st.tuples(values, st.floats(0.01, 3)), max_size=60)


@given(looks, st.floats(1, 5), st.floats(1, 5))
def test_a_latch_does_not_flap(seen: list[tuple[float, float]], on_s: float, off_s: float):
    """Between two switches the value was beyond the band for the whole time asked for."""
    latch = Latch(Band(6.0, 3.0, on_after_s=on_s, off_after_s=off_s))
    beyond_s: float | None = None
    was = False
    for value, elapsed_s in seen:
        out = value <= 3.0 if was else value >= 6.0
        beyond_s = (0.0 if beyond_s is None else beyond_s + elapsed_s) if out else None
        now = latch.look(value, elapsed_s)
        if now != was:
            assert beyond_s is not None
            assert beyond_s >= (off_s if was else on_s)
            beyond_s = None
        elif beyond_s is not None:
            assert beyond_s < (off_s if was else on_s)
        was = now
