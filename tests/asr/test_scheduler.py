"""The inference scheduler: what forms a batch, in which order, and what a failure harms."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.asr.engine import (
    Capabilities,
    EngineInfo,
    EngineStream,
    WindowRequest,
)
from livetranslate.asr.scheduler import (
    BatchQueue,
    InferenceScheduler,
    Pending,
    Priority,
    SchedulerOptions,
)
from livetranslate.domain.errors import BackendUnavailable, InvalidInput, Overloaded
from livetranslate.domain.session import Task
from livetranslate.domain.speech import Hypothesis

LIVE, FILE = Priority.LIVE, Priority.FILE


def window(
    seconds: float = 1.0, *, task: Task = Task.TRANSCRIBE, final: bool = False, name: str = ""
) -> WindowRequest:
    return WindowRequest(
        audio=np.zeros(int(seconds * 16_000), np.float32),
        offset_s=0.0,
        language="en",
        task=task,
        prompt=name,
        final=final,
    )


class Bench:
    """A queue, filled in short."""

    def __init__(self, *, max_batch: int = 8, min_window_s: float = 0.0, **options: float) -> None:
        self.queue = BatchQueue(
            SchedulerOptions(**options),
            max_batch=max_batch,
            min_window_s=min_window_s,
        )
        self.orders = 0

    def add(
        self, request: WindowRequest, priority: Priority = LIVE, *, since_s: float = 0.0
    ) -> int:
        self.queue.add(Pending(self.orders, request, priority, since_s, Future()))
        self.orders += 1
        return self.orders - 1

    def take(self, now_s: float = 0.0) -> list[int]:
        return [pending.order for pending in self.queue.take(now_s)]


def test_windows_are_served_in_the_order_in_which_they_came() -> None:
    bench = Bench(max_batch=2)
    for _ in range(5):
        bench.add(window())
    assert [bench.take() for _ in range(4)] == [[0, 1], [2, 3], [4], []]


def test_live_windows_go_first_and_files_fill_what_is_left() -> None:
    bench = Bench(max_batch=3)
    for priority in (FILE, FILE, LIVE, FILE, LIVE):
        bench.add(window(), priority)
    assert [bench.take(), bench.take()] == [[2, 4, 0], [1, 3]]


def test_a_file_that_waited_long_enough_counts_as_live() -> None:
    bench = Bench(max_batch=1, aging_s=5.0)
    old = bench.add(window(), FILE, since_s=0.0)
    live = bench.add(window(), LIVE, since_s=3.0)
    young = bench.add(window(), FILE, since_s=3.0)
    assert bench.take(4.9) == [live]
    live = bench.add(window(), LIVE, since_s=4.9)
    assert [bench.take(5.0) for _ in range(3)] == [[old], [live], [young]]


@pytest.mark.parametrize(("seconds", "together"), [(1.5, True), (1.6, False), (0.67, True)])
def test_a_batch_holds_windows_of_similar_length(seconds: float, together: bool) -> None:
    bench = Bench(length_ratio=1.5)
    bench.add(window(1.0))
    bench.add(window(seconds))
    assert bench.take() == ([0, 1] if together else [0])


def test_the_ratio_holds_between_the_shortest_and_the_longest() -> None:
    bench = Bench(length_ratio=1.5)
    for seconds in (1.0, 1.4, 0.8, 0.94):
        bench.add(window(seconds))
    assert bench.take() == [0, 1, 3]
    assert bench.take() == [2]


def test_short_windows_are_as_long_as_the_model_needs_them() -> None:
    bench = Bench(min_window_s=5.0)
    for seconds in (0.5, 4.0, 7.0, 8.0):
        bench.add(window(seconds))
    assert bench.take() == [0, 1, 2]


def test_a_batch_has_one_task_and_one_width_of_search() -> None:
    bench = Bench()
    bench.add(window())
    bench.add(window(task=Task.TRANSLATE))
    bench.add(window(final=True))
    bench.add(window())
    assert [bench.take() for _ in range(3)] == [[0, 3], [1], [2]]


def test_one_window_too_many_is_refused() -> None:
    bench = Bench(max_queue=2)
    bench.add(window())
    bench.add(window())
    with pytest.raises(Overloaded) as refused:
        bench.add(window())
    assert refused.value.retry_after_s
    assert len(bench.queue) == 2
    bench.take()
    bench.add(window())


def test_draining_leaves_nothing() -> None:
    bench = Bench()
    bench.add(window())
    assert [pending.order for pending in bench.queue.drain()] == [0]
    assert bench.take() == []


@given(
    windows=st.lists(
        st.tuples(
            st.sampled_from([0.5, 1.0, 2.0, 5.0, 9.0]), st.sampled_from([LIVE, FILE]), st.booleans()
        ),
        max_size=30,
    ),
    max_batch=st.integers(1, 6),
)
def test_everything_is_served_once_in_fitting_batches(
    windows: list[tuple[float, Priority, bool]], max_batch: int
) -> None:
    bench = Bench(max_batch=max_batch)
    for seconds, priority, final in windows:
        bench.add(window(seconds, final=final), priority)
    served: list[int] = []
    while batch := bench.take():
        lengths = [windows[order][0] for order in batch]
        assert len(batch) <= max_batch
        assert max(lengths) <= 1.5 * min(lengths)
        assert len({windows[order][2] for order in batch}) == 1
        waiting = set(range(len(windows))) - set(served)
        assert windows[batch[0]][1] is min(windows[order][1] for order in waiting)
        served += batch
    assert sorted(served) == list(range(len(windows)))


class Scripted:
    """A window engine that says each request's prompt, once it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.entered = threading.Semaphore(0)
        self.may_go = threading.Semaphore(0)
        self.bad: set[str] = set()
        self.too_few = False
        self.closed = False

    info = EngineInfo(engine="scripted", model="m", device="cpu", compute_type="x", memory_bytes=1)
    capabilities = Capabilities(
        incremental=False,
        word_times=True,
        languages=("en",),
        detects_language=False,
        translates=True,
        max_batch=4,
        min_window_s=0.0,
        max_window_s=30.0,
    )

    def decode(self, requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        self.batches.append([request.prompt for request in requests])
        self.entered.release()
        assert self.may_go.acquire(timeout=30)
        if self.bad & set(self.batches[-1]):
            raise InvalidInput("a bad window")
        found = [Hypothesis(words=(), language=request.prompt) for request in requests]
        return found[:-1] if self.too_few else found

    def open_stream(self, *, offset_s: float, language: str | None) -> EngineStream:
        raise InvalidInput("windows only")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def engine() -> Scripted:
    return Scripted()


@pytest.fixture
def scheduler(engine: Scripted):
    made = InferenceScheduler(engine)
    yield made
    engine.may_go.release(1_000)
    made.close()


def result(future: Future[Hypothesis]) -> str:
    return future.result(timeout=30).language


def submit_behind(engine: Scripted, scheduler: InferenceScheduler, *names: str):
    """Submit windows while one is being decoded, so that the rest forms one batch."""
    first = scheduler.submit(window(name="first"))
    assert engine.entered.acquire(timeout=30)
    return first, [scheduler.submit(window(name=name)) for name in names]


def test_what_waits_while_the_engine_is_busy_is_decoded_together(
    engine: Scripted, scheduler: InferenceScheduler
) -> None:
    first, rest = submit_behind(engine, scheduler, "a", "b", "c")
    assert (scheduler.in_flight, scheduler.queued) == (1, 3)
    engine.may_go.release(2)
    assert [result(first), *map(result, rest)] == ["first", "a", "b", "c"]
    assert engine.batches == [["first"], ["a", "b", "c"]]


def test_a_bad_window_harms_no_other(engine: Scripted, scheduler: InferenceScheduler) -> None:
    engine.bad = {"b"}
    _, (a, b, c) = submit_behind(engine, scheduler, "a", "b", "c")
    engine.may_go.release(10)
    assert [result(a), result(c)] == ["a", "c"]
    with pytest.raises(InvalidInput, match="bad window"):
        b.result(timeout=30)
    assert engine.batches == [["first"], ["a", "b", "c"], ["a"], ["b"], ["c"]]
    assert result(scheduler.submit(window(name="later"))) == "later"


def test_an_engine_that_loses_windows_ends_no_thread(
    engine: Scripted, scheduler: InferenceScheduler
) -> None:
    engine.too_few = True
    engine.may_go.release(10)
    with pytest.raises(Exception, match="1 windows gave 0"):
        result(scheduler.submit(window()))
    engine.too_few = False
    assert result(scheduler.submit(window(name="later"))) == "later"


def test_a_cancelled_window_is_not_decoded(engine: Scripted, scheduler: InferenceScheduler) -> None:
    first, (a, b) = submit_behind(engine, scheduler, "a", "b")
    assert a.cancel()
    engine.may_go.release(2)
    assert [result(first), result(b)] == ["first", "b"]
    assert engine.batches == [["first"], ["b"]]
    with pytest.raises(CancelledError):
        a.result(timeout=30)


def test_all_cancelled_is_nothing_to_do(engine: Scripted, scheduler: InferenceScheduler) -> None:
    _, (a,) = submit_behind(engine, scheduler, "a")
    a.cancel()
    engine.may_go.release(2)
    assert result(scheduler.submit(window(name="later"))) == "later"
    assert engine.batches == [["first"], ["later"]]


def test_files_wait_for_live_windows(engine: Scripted, scheduler: InferenceScheduler) -> None:
    submit_behind(engine, scheduler)
    file = scheduler.submit(window(1.0, name="file"), FILE)
    live = scheduler.submit(window(9.0, name="live"), LIVE)
    engine.may_go.release(3)
    assert [result(live), result(file)] == ["live", "file"]
    assert engine.batches == [["first"], ["live"], ["file"]]


def test_closing_finishes_what_is_at_work_and_refuses_the_rest(
    engine: Scripted, scheduler: InferenceScheduler
) -> None:
    first, (waiting,) = submit_behind(engine, scheduler, "waiting")
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    refused(lambda: scheduler.submit(window()))
    engine.may_go.release(1)
    closing.join(timeout=30)
    assert result(first) == "first"
    with pytest.raises(BackendUnavailable):
        waiting.result(timeout=30)
    assert engine.batches == [["first"]]


def refused(submit: Callable[[], Future[Hypothesis]]) -> None:
    """Wait until a submission is refused; those before that just wait."""
    for _ in range(3_000):
        try:
            submit().cancel()
        except BackendUnavailable:
            return
        time.sleep(0.01)
    raise AssertionError("it was never refused")


def test_a_full_queue_refuses(engine: Scripted) -> None:
    scheduler = InferenceScheduler(engine, SchedulerOptions(max_queue=1))
    submit_behind(engine, scheduler, "a")
    with pytest.raises(Overloaded):
        scheduler.submit(window())
    engine.may_go.release(10)
    scheduler.close()


def test_the_engine_s_time_is_counted_once(engine: Scripted) -> None:
    scheduler = InferenceScheduler(engine, clock=lambda: float(len(engine.batches)))
    engine.bad = {"b"}
    _, (a, b) = submit_behind(engine, scheduler, "a", "b")
    engine.may_go.release(10)
    assert result(a) == "a"
    assert isinstance(b.exception(timeout=30), InvalidInput)
    scheduler.close()
    assert len(engine.batches) == 4
    assert scheduler.busy_s == 4.0
