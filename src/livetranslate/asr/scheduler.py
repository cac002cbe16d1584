"""The inference scheduler: windows of all sessions, decoded together on one shared model.

Live windows go first, files fill what is left, and a file's window that has waited for long enough
counts as live, so that nothing starves. There is no waiting for a batch to fill: whatever is there
when the engine is free forms the batch, so batches grow by themselves under load and cost nothing
without it. A batch holds windows alike: same task, similar length, the same number of beams.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum

import msgspec

from livetranslate.asr.engine import SpeechEngine, WindowRequest
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import BackendUnavailable, InternalError, Overloaded
from livetranslate.domain.speech import Hypothesis


class Priority(IntEnum):
    """Order of service; lower first."""

    LIVE = 0
    FILE = 1


class SchedulerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the scheduler.

    Attributes:
        max_queue: Windows that may wait; one more is refused with Overloaded.
        length_ratio: Longest to shortest window of a batch at most, padding being wasted work.
        aging_s: Seconds after which a file's window counts as live.
    """

    max_queue: int = 4096
    length_ratio: float = 1.5
    aging_s: float = 5.0


class Pending(msgspec.Struct, frozen=True):
    """A window that waits."""

    order: int
    request: WindowRequest
    priority: Priority
    since_s: float
    future: Future[Hypothesis]


class BatchQueue:
    """The waiting windows, and which of them are decoded next. Pure: time is passed in."""

    def __init__(self, options: SchedulerOptions, *, max_batch: int, min_window_s: float) -> None:
        self._options = options
        self._max_batch = max_batch
        self._min_window_s = min_window_s
        self._waiting: list[Pending] = []

    def __len__(self) -> int:
        """Return how many windows wait."""
        return len(self._waiting)

    def add(self, pending: Pending) -> None:
        """Let a window wait; raises Overloaded if too many do."""
        if len(self._waiting) >= self._options.max_queue:
            raise Overloaded(
                f"{len(self._waiting)} windows wait for the model already", retry_after_s=1.0
            )
        self._waiting.append(pending)

    def take(self, now_s: float) -> list[Pending]:
        """Remove and return the next batch: the most urgent window and those that go with it."""
        if not self._waiting:
            return []
        ranked = sorted(self._waiting, key=lambda pending: self._rank(pending, now_s))
        head = ranked[0]
        batch = [head]
        shortest = longest = self._length(head)
        for pending in ranked[1:]:
            if len(batch) >= self._max_batch:
                break
            length = self._length(pending)
            low, high = min(shortest, length), max(longest, length)
            if self._alike(head, pending) and high <= low * self._options.length_ratio:
                batch.append(pending)
                shortest, longest = low, high
        taken = {pending.order for pending in batch}
        self._waiting = [pending for pending in self._waiting if pending.order not in taken]
        return batch

    def drain(self) -> list[Pending]:
        """Remove and return everything."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def _rank(self, pending: Pending, now_s: float) -> tuple[int, int]:
        aged = now_s - pending.since_s >= self._options.aging_s
        return (Priority.LIVE if aged else pending.priority, pending.order)

    def _length(self, pending: Pending) -> float:
        return max(len(pending.request.audio) / SAMPLE_RATE, self._min_window_s)

    @staticmethod
    def _alike(head: Pending, other: Pending) -> bool:
        one, two = head.request, other.request
        return one.task is two.task and one.final == two.final


class InferenceScheduler:
    """Runs one engine's batches in a thread of its own."""

    def __init__(
        self,
        engine: SpeechEngine,
        options: SchedulerOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the thread.

        Args:
            engine: A window engine; the scheduler is its only caller.
            options: Bounds.
            clock: Seconds, monotonic.
        """
        capabilities = engine.capabilities
        self._engine = engine
        self._clock = clock
        self._queue = BatchQueue(
            options or SchedulerOptions(),
            max_batch=capabilities.max_batch,
            min_window_s=capabilities.min_window_s,
        )
        self._wake = threading.Condition()
        self._orders = itertools.count()
        self._closing = False
        self._in_flight = 0
        self._busy_s = 0.0
        self._live_s = 0.0
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Windows waiting."""
        return len(self._queue)

    @property
    def in_flight(self) -> int:
        """Windows being decoded."""
        return self._in_flight

    @property
    def busy_s(self) -> float:
        """Seconds that the engine has computed so far."""
        return self._busy_s

    @property
    def live_s(self) -> float:
        """Seconds of these that live windows took."""
        return self._live_s

    def submit(
        self, request: WindowRequest, priority: Priority = Priority.LIVE
    ) -> Future[Hypothesis]:
        """Let a window wait for its turn; the future gets its hypothesis.

        Raises:
            Overloaded: Too many wait.
            BackendUnavailable: The scheduler is closed.
        """
        pending = Pending(next(self._orders), request, priority, self._clock(), Future())
        with self._wake:
            if self._closing:
                raise BackendUnavailable("the model is being unloaded", retry_after_s=1.0)
            self._queue.add(pending)
            self._wake.notify()
        return pending.future

    def close(self) -> None:
        """Finish the batch at work, refuse what waits, end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closing or len(self._queue))
                if self._closing:
                    break
                batch = self._queue.take(self._clock())
                batch = [item for item in batch if item.future.set_running_or_notify_cancel()]
                self._in_flight = len(batch)
            if batch:
                self._decode(batch)
            self._in_flight = 0
        for pending in self._queue.drain():
            if pending.future.set_running_or_notify_cancel():
                pending.future.set_exception(BackendUnavailable("the model was unloaded"))

    def _decode(self, batch: list[Pending]) -> None:
        """Decode a batch; if it fails, each window alone, so that a bad one harms no other."""
        begin = self._clock()
        try:
            hypotheses = self._engine.decode([pending.request for pending in batch])
            if len(hypotheses) != len(batch):
                raise InternalError(f"{len(batch)} windows gave {len(hypotheses)} hypotheses")
        except Exception as error:  # noqa: BLE001 - whatever an engine raises belongs to its caller
            if len(batch) > 1:
                for pending in batch:
                    self._decode([pending])
            else:
                batch[0].future.set_exception(error)
        else:
            for pending, hypothesis in zip(batch, hypotheses, strict=True):
                pending.future.set_result(hypothesis)
        finally:
            if len(batch) == self._in_flight:
                spent_s = self._clock() - begin
                live = sum(pending.priority is Priority.LIVE for pending in batch)
                self._busy_s += spent_s
                self._live_s += spent_s * live / len(batch)
