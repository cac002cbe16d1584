"""Target 6: the WebSocket edge under load, against a bare uvicorn echo server."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import msgspec

from bench.crowds.pipes import Process, crowd_for
from bench.machine import describe
from bench.options import BenchOptions
from bench.report import Report, Row, interleaved, row, share_of

OURS = ("bench.crowds.ours",)
BARE = ("bench.crowds.bare", "uvicorn")

ECHOES = '{"type":"heartbeat"}'
ECHOING = 32
WARM_S = 1.0
ECHO_S = 4.0

IDLE = 2_000
LISTENERS = 10_000
HEARD = 100
"""Sessions that the listeners share."""
SETTLE_S = 1.0
LISTEN_S = 10.0

LIVE = 1_000
CHUNK = 3_200
PERIOD_S = 0.1
LIVE_S = 15.0


class Idle(msgspec.Struct, frozen=True):
    """Connections over which nothing goes.

    Attributes:
        each_kib: Memory a connection.
        whole_mb: Memory of the process with all of them.
        opened_s: Until all were accepted, asked for at once.
        cpu: Percent of a core while they idle, their pings included.
    """

    each_kib: float
    whole_mb: float
    opened_s: float
    cpu: float = 0.0


class Paced(msgspec.Struct, frozen=True):
    """Live sessions fed in real time: from a chunk's sending to its acknowledgement."""

    p50_ms: float
    p99_ms: float
    cpu: float
    each_kib: float
    unacknowledged: int
    late_ms: float


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    echo = interleaved(
        options.repeats, {"ours": lambda: _echo(*OURS), "bare": lambda: _echo(*BARE)}
    )
    idle = interleaved(
        options.repeats, {"ours": lambda: _idle(*OURS), "bare": lambda: _idle(*BARE)}
    )
    listeners = [_listeners() for _ in range(options.repeats)]
    paced = interleaved(
        options.repeats, {"ours": lambda: _paced(*OURS), "bare": lambda: _paced(*BARE)}
    )
    each = [[one.each_kib for one in idle[name]] for name in ("ours", "bare")]
    rows = [
        share_of("an echo-like message", "µs CPU", echo["ours"], echo["bare"]),
        share_of(f"memory a connection, {IDLE} idle ones", "KiB", each[0], each[1]),
        *_listener_rows(listeners),
        *_paced_rows(paced["ours"], paced["bare"]),
    ]
    return Report(
        name="edge",
        target="≤ 1.3 × CPU an echo, ≤ 1.5 × memory a connection; 10,000 idle listeners < 400 MB; "
        "1,000 paced live sessions p99 ≤ 25 ms",
        baseline="an echo app on bare uvicorn (websockets-sansio, uvloop, no compression)",
        rows=rows,
        notes=_notes(paced["ours"], paced["bare"]),
        machine=machine,
    )


def _listener_rows(runs: list[Idle]) -> list[Row]:
    name = f"{LISTENERS} idle listeners"
    return [
        row(f"{name}: the whole process", "MB", [one.whole_mb for one in runs]),
        row(f"{name}: memory a listener", "KiB", [one.each_kib for one in runs]),
        row(f"{name}: connected and joined, all at once", "s", [one.opened_s for one in runs]),
        row(f"{name}: at rest", "% of a core", [one.cpu for one in runs]),
    ]


def _paced_rows(ours: list[Paced], bare: list[Paced]) -> list[Row]:
    name = f"{LIVE} paced sessions"
    cpu = [[one.cpu for one in runs] for runs in (ours, bare)]
    p50 = [[one.p50_ms for one in runs] for runs in (ours, bare)]
    p99 = [[one.p99_ms for one in runs] for runs in (ours, bare)]
    return [
        row(f"{name}: p50 until a chunk is acknowledged", "ms", *p50),
        row(f"{name}: p99 of the same", "ms", *p99),
        share_of(f"{name}: the process", "% of a core", *cpu),
        row(f"{name}: memory a session", "KiB", [one.each_kib for one in ours]),
    ]


def _notes(ours: list[Paced], bare: list[Paced]) -> list[str]:
    late = max(one.late_ms for one in (*ours, *bare))
    lost = [sum(one.unacknowledged for one in runs) for runs in (ours, bare)]
    return [
        "Ours is the whole orchestration application on its own server; the message is a heartbeat "
        f"that is decoded and answered with the time. {ECHOING} clients send again once answered.",
        "CPU is what the server's process computed, user and system; memory its PSS less that "
        "before the connections.",
        f"Listeners hear {HEARD} sessions, of which nothing comes; pings every 30 s.",
        f"Paced: {CHUNK} bytes every {PERIOD_S:g} s a session, log in memory, a worker in the same "
        "process that recognises nothing and passes the audio once a second. Clients measure from "
        "their send to the acknowledgement that covers the chunk. The baseline answers each chunk "
        "with its number and keeps nothing.",
        f"Not acknowledged within a second of the end: {lost[0]} chunks, baseline {lost[1]}. The "
        f"clients were up to {late:.0f} ms late themselves: they share the cores.",
    ]


def _echo(*server: str) -> float:
    """Return the microseconds of CPU that the server takes for a message and its answer."""
    with _serving(*server) as (process, crowd):
        crowd.do("connect", count=ECHOING, hello=[], ready="")
        crowd.do("echo", text=ECHOES, seconds=WARM_S)
        before = process.cpu_s
        answered = crowd.do("echo", text=ECHOES, seconds=ECHO_S)["messages"]
        return 1e6 * (process.cpu_s - before) / float(answered)


def _idle(*server: str) -> Idle:
    with _serving(*server) as (process, crowd):
        before = process.pss
        # Every connection has been used once, as any that is worth keeping.
        opened = crowd.do("connect", count=IDLE, hello=[ECHOES], ready="heartbeat")
        time.sleep(SETTLE_S)
        pss = process.pss
        return Idle((pss - before) / IDLE / 1024, pss / 1e6, opened["ready_s"])


def _listeners() -> Idle:
    with _serving(*OURS) as (process, crowd), crowd_for(process) as feeders:
        start = '{"type":"start_session","session_id":"s{n}"}'
        feeders.do("connect", count=HEARD, hello=[start], ready="session_started")
        before = process.pss
        join = '{"type":"join_session","session_id":"s{m}"}'
        opened = crowd.do(
            "connect", count=LISTENERS, hello=[join], ready="session_started", modulo=HEARD
        )
        time.sleep(SETTLE_S)
        pss, computed = process.pss, process.cpu_s
        time.sleep(LISTEN_S)
        cpu = 100 * (process.cpu_s - computed) / LISTEN_S
        return Idle((pss - before) / LISTENERS / 1024, pss / 1e6, opened["ready_s"], cpu)


def _paced(*server: str) -> Paced:
    with _serving(*server) as (process, crowd):
        before = process.pss
        hello, ready = (['{"type":"start_session"}'], "session_started")
        if server == BARE:
            hello, ready = [], ""
        crowd.do("connect", count=LIVE, hello=hello, ready=ready)
        computed = process.cpu_s
        crowd.begin("pace", size=CHUNK, period_s=PERIOD_S, seconds=LIVE_S)
        time.sleep(LIVE_S)
        cpu, pss = process.cpu_s - computed, process.pss
        told = crowd.answer()
        return Paced(
            p50_ms=told["p50_ms"],
            p99_ms=told["p99_ms"],
            cpu=100 * cpu / LIVE_S,
            each_kib=(pss - before) / LIVE / 1024,
            unacknowledged=told["sent"] - told["acknowledged"],
            late_ms=told["late_ms"],
        )


@contextmanager
def _serving(*server: str) -> Generator[tuple[Process, Process]]:
    """Run a server and a crowd of clients for it."""
    with ExitStack() as stack:
        process = stack.enter_context(Process(*server))
        yield process, stack.enter_context(crowd_for(process))
