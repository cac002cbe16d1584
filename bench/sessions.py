"""Target 2: how many live sessions run at the latency of one, against WhisperLive in batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack

import msgspec

from bench.captions import Seen, latencies
from bench.corpus import Recording, joined, recordings
from bench.live import watch
from bench.machine import describe
from bench.options import BenchOptions
from bench.peers.whisper_live import watch_whisper_live, whisper_live
from bench.report import Report, percentile, row, share_of
from bench.running import platform
from livetranslate.domain.errors import LiveTranslateError

SECONDS = 600.0
PIECE_S = 60.0
"""Longest recording of one session; a place begins another session behind it."""
MOST = 128
WORSE = 1.5
STAGGER_S = 0.13
"""Seconds between the begins of two places, so that sessions do not step together."""

Watch = Callable[[Recording], Awaitable[Seen]]


class Measured(msgspec.Struct, frozen=True):
    """What N sessions at once came to.

    Attributes:
        p95: Commit latency in seconds.
        matched: Share of the spoken words that were recognised, 0-1.
        failed: Sessions that broke.
    """

    p95: float
    matched: float
    failed: int


class Found(msgspec.Struct, frozen=True):
    """The end of a search.

    Attributes:
        most: Largest N that kept up.
        alone: With one session.
        full: With ``most`` sessions.
        tried: All N that were measured, with their p95.
    """

    most: int
    alone: Measured
    full: Measured
    tried: dict[int, float]


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    seconds = options.seconds or SECONDS
    parts = [one for one in recordings(options.speech, language="en") if one.entry.words]
    capacity = {"MAX_SESSIONS_PER_WORKER": str(2 * MOST), "MAX_CONCURRENT_SESSIONS": str(4 * MOST)}
    ours: list[Found] = []
    theirs: list[Found] = []
    for _ in range(options.repeats):
        with ExitStack() as stack:
            url = options.url or stack.enter_context(platform(options, capacity)).url
            ours.append(search(lambda part, at=url: watch(at, part), parts, seconds))
        if options.peer is not None:
            with whisper_live(options, options.peer) as at:
                theirs.append(
                    search(
                        lambda part, at=at: watch_whisper_live(at, options.model, part),
                        parts,
                        seconds,
                    )
                )
    unit = "sessions"
    most = [float(one.most) for one in ours]
    rows = [share_of("at the latency of one", unit, most, [float(one.most) for one in theirs])]
    figures: dict[str, tuple[str, Callable[[Found], float]]] = {
        "commit latency p95, one session": ("s", lambda one: one.alone.p95),
        "commit latency p95, most sessions": ("s", lambda one: one.full.p95),
        "matched words, one session": ("%", lambda one: 100 * one.alone.matched),
        "matched words, most sessions": ("%", lambda one: 100 * one.full.matched),
    }
    for what, (unit, value) in figures.items():
        rows.append(row(what, unit, [value(one) for one in ours], [value(one) for one in theirs]))
    return Report(
        name="sessions",
        target="≥ 4 × as many concurrent sessions at equal p95",
        baseline="WhisperLive with batch inference, same model",
        rows=rows,
        notes=_notes(seconds, ours, theirs),
        machine=machine,
    )


def _notes(seconds: float, ours: Sequence[Found], theirs: Sequence[Found]) -> list[str]:
    notes = [
        f"The largest N whose commit p95 is at most {WORSE:g} × that of N = 1, by doubling, then "
        f"halving; each N for {seconds:.0f} s, in sessions of at most {PIECE_S:.0f} s.",
        "Tried, N: p95 in s: "
        + "; ".join(
            f"{name} " + ", ".join(f"{n}: {p95:.2f}" for n, p95 in sorted(found[-1].tried.items()))
            for name, found in (("ours", ours), ("baseline", theirs))
            if found
        )
        + ".",
    ]
    if seconds < SECONDS:
        notes.append(
            f"The target's definition is {SECONDS:.0f} s at each N. A shorter run is lenient: an "
            "overload has less time to show."
        )
    if theirs:
        notes.append("The baseline's promised words are its «completed» segments.")
    return notes


def search(watch_one: Watch, parts: list[Recording], seconds: float) -> Found:
    """Return the largest N that keeps up."""
    asyncio.run(_measure(watch_one, parts, 1, min(seconds, 5.0)))  # what is loaded on first use
    alone = asyncio.run(_measure(watch_one, parts, 1, seconds))
    tried = {1: alone}

    def keeps_up(count: int) -> bool:
        tried[count] = asyncio.run(_measure(watch_one, parts, count, seconds))
        return not tried[count].failed and tried[count].p95 <= WORSE * alone.p95

    good, bad = 1, 2
    while bad <= MOST and keeps_up(bad):
        good, bad = bad, 2 * bad
    while bad - good > max(1, good // 8):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if keeps_up(middle) else (good, middle)
    return Found(good, alone, tried[good], {count: one.p95 for count, one in tried.items()})


async def _measure(
    watch_one: Watch, parts: list[Recording], count: int, seconds: float
) -> Measured:
    """Keep so many sessions going for so long."""
    commits: list[float] = []
    spoken = failed = 0
    until = time.monotonic() + seconds

    async def place(number: int) -> None:
        nonlocal spoken, failed
        turn = parts[number % len(parts) :] + parts[: number % len(parts)]
        await asyncio.sleep(STAGGER_S * number)
        while (left := until - time.monotonic()) > 0:
            recording = joined(turn, min(PIECE_S, left))
            spoken += len(recording.entry.words)
            try:
                seen = await watch_one(recording)
            except (LiveTranslateError, OSError):
                failed += 1
                return
            commits.extend(latencies(recording.entry.words, seen).commit)

    await asyncio.gather(*(place(number) for number in range(count)))
    p95 = percentile(commits, 0.95) if commits else float("inf")
    return Measured(p95, len(commits) / max(spoken, 1), failed)
