"""Targets 7 and 8: an event to 2,000 viewers, and a viewer who stops reading."""

from __future__ import annotations

import statistics
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec

from bench.crowds.pipes import Process, crowd_for
from bench.machine import describe
from bench.options import BenchOptions
from bench.report import Report, interleaved, row, share_of

VIEWERS = 2_000
EVENTS = 50
EVENT_BYTES = 1_000
PERIOD_S = 0.1
WAIT_S = 20.0

FEW = 100
"""Viewers of whom one stalls: their traffic has to fill every buffer of one."""
LARGE_BYTES = 16_000
LARGE_EVENTS = 300
LARGE_PERIOD_S = 0.03

OURS = ("bench.crowds.ours",)
BROADCAST = ("bench.crowds.bare", "broadcast")
SEQUENTIAL = ("bench.crowds.bare", "sequential")


class Delivered(msgspec.Struct, frozen=True):
    """Events to many viewers: CPU a delivery, and until the last viewer has an event."""

    cpu_us: float
    last_ms: float


class Stalled(msgspec.Struct, frozen=True):
    """The others' p99 before and after one stalls, and what they got.

    Attributes:
        before_ms: With all reading.
        after_ms: With one stalled.
        delivered: Share of the events that the others had in time.
        grown_mb: Memory that came with the stall, beyond what came with as many events before.
        ended: Whether the server ended the connection of the one who stalled.
    """

    before_ms: float
    after_ms: float
    delivered: float
    grown_mb: float
    ended: bool


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    many = interleaved(
        options.repeats, {"ours": lambda: _deliver(*OURS), "theirs": lambda: _deliver(*BROADCAST)}
    )
    stalled = interleaved(
        options.repeats, {"ours": lambda: _stall(*OURS), "theirs": lambda: _stall(*SEQUENTIAL)}
    )
    cpu = [[one.cpu_us for one in many[name]] for name in ("ours", "theirs")]
    last = [[one.last_ms for one in many[name]] for name in ("ours", "theirs")]
    ours, theirs = stalled["ours"], stalled["theirs"]
    ended = sum(one.ended for one in ours)
    return Report(
        name="fanout",
        target="≤ 1.2 × websockets.broadcast to 2,000 viewers; a stalled viewer moves the others' "
        "p99 by < 5 %, memory flat",
        baseline="websockets.broadcast on a bare websockets server; for a stalled viewer, send to "
        "one after the other",
        rows=[
            share_of(f"an event to {VIEWERS} viewers", "µs CPU a viewer", *cpu),
            share_of("until the last of them has it, median", "ms", *last),
            row(
                "p99 of the others, nobody stalled",
                "ms",
                [one.before_ms for one in ours],
                [one.before_ms for one in theirs],
            ),
            row(
                "p99 of the others, one stalled",
                "ms",
                [one.after_ms for one in ours],
                [one.after_ms for one in theirs],
            ),
            row(
                "moved by",
                "%",
                [100 * (one.after_ms / one.before_ms - 1) for one in ours],
                [100 * (one.after_ms / one.before_ms - 1) for one in theirs],
            ),
            row(
                "of the events delivered to the others",
                "%",
                [100 * one.delivered for one in ours],
                [100 * one.delivered for one in theirs],
            ),
            row(
                "memory that came with the stall",
                "MB",
                [one.grown_mb for one in ours],
                [one.grown_mb for one in theirs],
            ),
        ],
        notes=[
            f"{EVENTS} events of {EVENT_BYTES} bytes, one each {PERIOD_S:g} s; ours through the "
            "log and the hub of the whole orchestration application. CPU of the server's process; "
            "viewers are one process on the same cores.",
            f"Stalled: {FEW} viewers, {LARGE_EVENTS} events of {LARGE_BYTES} bytes, one each "
            f"{LARGE_PERIOD_S:g} s, first with all reading, then with one that does not. Delivery "
            f"is waited for {WAIT_S:g} s; the percentile is of what was delivered.",
            f"Ours ended the stalled viewer's connection in {ended} of {len(ours)} runs. Memory is "
            "what grew beyond the growth with all reading: the log keeps the events.",
        ],
        machine=machine,
    )


def _deliver(*server: str) -> Delivered:
    with _watched(VIEWERS, *server) as (process, crowd):
        _publish(process, crowd, 5, EVENT_BYTES, PERIOD_S, stalled=0)
        before = process.cpu_s
        told = _publish(process, crowd, EVENTS, EVENT_BYTES, PERIOD_S, stalled=0)
        cpu = process.cpu_s - before
        return Delivered(1e6 * cpu / EVENTS / VIEWERS, statistics.median(told["last_ms"]))


def _stall(*server: str) -> Stalled:
    with _watched(FEW, *server) as (process, crowd):
        large = (LARGE_EVENTS, LARGE_BYTES, LARGE_PERIOD_S)
        _publish(process, crowd, *large, stalled=0)
        memory = [process.pss]
        before = _publish(process, crowd, *large, stalled=0)
        memory.append(process.pss)
        crowd.do("stall", count=1)
        after = _publish(process, crowd, *large, stalled=1)
        memory.append(process.pss)
        grown = (memory[2] - memory[1]) - (memory[1] - memory[0])
        ended = crowd.do("resume", count=1)["gone"] == 1
        return Stalled(before["p99_ms"], after["p99_ms"], after["delivered"], grown / 1e6, ended)


def _publish(
    process: Process, crowd: Process, count: int, size: int, period_s: float, *, stalled: int
) -> dict[str, Any]:
    crowd.do("watch")
    process.begin("publish", session="s0", count=count, size=size, period_s=period_s)
    told = crowd.do("seen", expected=count, wait_s=count * period_s + WAIT_S, stalled=stalled)
    if told["delivered"] == 1.0:
        process.answer()
    return told


@contextmanager
def _watched(count: int, *server: str) -> Generator[tuple[Process, Process]]:
    """Run a server and a crowd that views one session of it."""
    with ExitStack() as stack:
        process = stack.enter_context(Process(*server))
        crowd = stack.enter_context(crowd_for(process))
        if server == OURS:
            feeder = stack.enter_context(crowd_for(process))
            start = '{"type":"start_session","session_id":"s{n}"}'
            feeder.do("connect", count=1, hello=[start], ready="session_started")
            join = '{"type":"join_session","session_id":"s0"}'
            crowd.do("connect", count=count, hello=[join], ready="session_started")
        else:
            crowd.do("connect", count=count, hello=[], ready="")
        yield process, crowd
