"""Target 9: requests a second through the gateway on one core, and the time that it adds."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

import msgspec

from bench.crowds.pipes import Process
from bench.machine import describe
from bench.options import BenchOptions
from bench.report import Report, interleaved, row, share_of, times_faster

SECONDS = 3.0
CONNECTIONS = 32
PATH = "/api/whisper/health"


class Measured(msgspec.Struct, frozen=True):
    """One contender in one repeat.

    Attributes:
        rate: Requests a second over many connections.
        p99_ms: 99th percentile of their times.
        cpu_us: What one of them cost the contender.
        one_p50_ms: Median time over a single connection.
    """

    rate: float
    p99_ms: float
    cpu_us: float
    one_p50_ms: float


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    seconds = options.seconds or SECONDS
    with ExitStack() as stack:

        def start(module: str, *arguments: str, cores: list[int]) -> Process:
            process = stack.enter_context(Process(f"bench.proxies.{module}", *arguments))
            process.do("pin", cores=cores)
            return process

        around, middle = _cores()
        upstream = start("upstream", cores=around)
        url = f"http://127.0.0.1:{upstream.told['port']}"
        load = start("load", cores=around)
        ours = start("ours", url, cores=middle)
        baseline = start("httpx_proxy", url, cores=middle)
        dead = start("ours", "http://127.0.0.1:9", cores=middle)

        def of(process: Process) -> Measured:
            return _measure(load, process, seconds)

        for process in (upstream, ours, baseline):
            _load(load, process, connections=8, seconds=0.5)
        _open_breaker(load, dead)
        done = interleaved(
            options.repeats,
            {
                "ours": lambda: of(ours),
                "baseline": lambda: of(baseline),
                "direct": lambda: of(upstream),
            },
        )
        refused = [
            _load(load, dead, connections=1, seconds=0.5, status=503)
            for _ in range(options.repeats)
        ]
    return _report(done, refused, machine=machine, seconds=seconds)


def _cores() -> tuple[list[int], list[int]]:
    """Return the cores of load and upstream, and the one of the proxy."""
    last = (os.cpu_count() or 1) - 1
    return list(range(last)) or [0], [last]


def _load(load: Process, to: Process, **fields: Any) -> dict[str, Any]:
    return load.do("measure", port=to.told["port"], path=PATH, **fields)


def _measure(load: Process, process: Process, seconds: float) -> Measured:
    before = process.cpu_s
    many = _load(load, process, connections=CONNECTIONS, seconds=seconds)
    used = process.cpu_s - before
    one = _load(load, process, connections=1, seconds=seconds / 3)
    return Measured(many["rate"], many["p99_ms"], 1e6 * used / many["requests"], one["p50_ms"])


def _open_breaker(load: Process, dead: Process) -> None:
    """Let the breaker fail until its pause is the longest, so that it stays open meanwhile."""
    _load(load, dead, connections=1, seconds=16.0, status=503)


def _report(
    done: dict[str, list[Measured]],
    refused: list[dict[str, Any]],
    *,
    machine: Any,
    seconds: float,
) -> Report:
    ours, baseline, direct = done["ours"], done["baseline"], done["direct"]

    def added(contender: list[Measured]) -> list[float]:
        return [
            one.one_p50_ms - bare.one_p50_ms for one, bare in zip(contender, direct, strict=True)
        ]

    many = f"{CONNECTIONS} connections: "
    rates = [[one.rate for one in side] for side in (ours, baseline)]
    return Report(
        name="gateway",
        target="≥ 10 × requests a second and ≥ 1,000 a second on one core, adds ≤ 1 ms p50",
        baseline="a minimal streaming proxy on httpx, same server, nothing around it",
        rows=[
            share_of(many + "requests", "a second", *rates),
            row(many + "requests, without a proxy", "a second", [one.rate for one in direct]),
            times_faster(
                many + "CPU of the proxy",
                "µs a request",
                [one.cpu_us for one in ours],
                [one.cpu_us for one in baseline],
            ),
            share_of(
                many + "p99",
                "ms",
                [one.p99_ms for one in ours],
                [one.p99_ms for one in baseline],
            ),
            share_of("one connection: p50 added", "ms", added(ours), added(baseline)),
            row("one connection: p50 without a proxy", "ms", [one.one_p50_ms for one in direct]),
            row("the breaker is open: p50", "ms", [one["p50_ms"] for one in refused]),
            row("the breaker is open: p99", "ms", [one["p99_ms"] for one in refused]),
        ],
        notes=[
            f"GET of 27 bytes for {seconds:g} s; the proxy on a core of its own, load and upstream "
            "on the others.",
            "Ours is all of orchestration: request ids, CORS, figures, rate limits, credentials, "
            "balancer and breaker. «Added» is against the upstream without a proxy.",
        ],
        machine=machine,
    )
