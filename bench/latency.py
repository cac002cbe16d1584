"""Target 3: how soon words are promised, against whisper_streaming's LocalAgreement."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from bench.captions import Latencies, Seen, latencies
from bench.corpus import Recording, recordings
from bench.live import spoken_s, watch
from bench.machine import describe
from bench.options import BenchOptions
from bench.report import Report, Row, interleaved, percentile, row, share_of
from bench.running import platform
from bench.scoring import errors
from livetranslate.domain.errors import InvalidInput

SHARES = (0.5, 0.95, 0.99)
Watch = Callable[[Recording], Seen]


class Repeat(msgspec.Struct, frozen=True):
    """What one side made of all recordings."""

    latencies: Latencies
    erasure: float
    broken: int
    wer: float

    @property
    def matched(self) -> float:
        """Share of the spoken words that were recognised."""
        return len(self.latencies.commit) / self.latencies.spoken


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    parts = [one for one in recordings(options.speech, language="en") if one.entry.words]
    if options.seconds:
        parts = _first(parts, options.seconds)
    with ExitStack() as stack:
        url = options.url or stack.enter_context(platform(options)).url
        sides: dict[str, Watch] = {"ours": lambda part: asyncio.run(watch(url, part))}
        if options.peer is not None:
            sides["theirs"] = stack.enter_context(_peer(options, options.peer))
        for side in sides.values():
            side(min(parts, key=lambda part: part.seconds))
        # Sides alternate with every recording, so that the machine's moods meet both.
        alternating = [interleaved(options.repeats, _on(part, sides)) for part in parts]
    repeats = {
        name: [
            _repeat(parts, [part[name][index] for part in alternating])
            for index in range(options.repeats)
        ]
        for name in sides
    }
    return Report(
        name="latency",
        target="commit latency p95 ≤ ½ at equal WER; committed words never change",
        baseline="whisper_streaming's LocalAgreement at its default chunk of 1 s, same model",
        rows=_rows(repeats["ours"], repeats.get("theirs", [])),
        notes=[
            f"{len(parts)} English recordings, {spoken_s(parts):.0f} s, in real time through /ws.",
            "Latency of the spoken words that were recognised; their share is «matched».",
        ],
        machine=machine,
    )


def _on(part: Recording, sides: dict[str, Watch]) -> dict[str, Callable[[], Seen]]:
    def bound(side: Watch) -> Callable[[], Seen]:
        return lambda: side(part)

    return {name: bound(side) for name, side in sides.items()}


def _first(parts: list[Recording], seconds: float) -> list[Recording]:
    count = 1
    while count < len(parts) and spoken_s(parts[:count]) < seconds:
        count += 1
    return parts[:count]


def _repeat(parts: Sequence[Recording], seen: Sequence[Seen]) -> Repeat:
    each = [latencies(part.entry.words, one) for part, one in zip(parts, seen, strict=True)]
    together = Latencies(
        commit=[value for one in each for value in one.commit],
        display=[value for one in each for value in one.display],
        spoken=sum(one.spoken for one in each),
    )
    texts = [
        ("en", part.entry.text, " ".join(one.words)) for part, one in zip(parts, seen, strict=True)
    ]
    final = sum(len(one.words) for one in seen)
    return Repeat(
        together,
        sum(one.erased for one in seen) / max(final, 1),
        sum(one.broken for one in seen),
        errors(texts).wer,
    )


def _rows(ours: list[Repeat], theirs: list[Repeat]) -> list[Row]:
    rows = [
        share_of(
            f"commit latency p{100 * share:.0f}",
            "s",
            [percentile(one.latencies.commit, share) for one in ours],
            [percentile(one.latencies.commit, share) for one in theirs],
        )
        for share in SHARES
    ]
    rows += [
        share_of(
            f"first-display latency p{100 * share:.0f}",
            "s",
            [percentile(one.latencies.display, share) for one in ours],
            [percentile(one.latencies.display, share) for one in theirs],
        )
        for share in SHARES[:2]
    ]
    others: dict[str, tuple[str, Callable[[Repeat], float]]] = {
        "WER": ("%", lambda one: 100 * one.wer),
        "matched": ("%", lambda one: 100 * one.matched),
        "normalised erasure": ("", lambda one: one.erasure),
        "times that committed words changed": ("", lambda one: one.broken),
    }
    for what, (unit, value) in others.items():
        rows.append(row(what, unit, [value(one) for one in ours], [value(one) for one in theirs]))
    return rows


@contextmanager
def _peer(options: BenchOptions, checkout: Path) -> Generator[Watch]:
    """Run the peer in a process of its own."""
    if not (checkout / "whisper_online.py").is_file():
        raise InvalidInput(f"{checkout} is no checkout of whisper_streaming", field="peer")
    script = Path(__file__).with_name("peers") / "local_agreement.py"
    command = [sys.executable, str(script), str(checkout), str(options.model)]
    process = subprocess.Popen(  # noqa: S603 - our script, on the checkout that was named
        [*command, str(options.threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    to, back = process.stdin, process.stdout

    def watch_peer(part: Recording) -> Seen:
        with tempfile.NamedTemporaryFile(suffix=".f32") as file:
            file.write(part.audio.tobytes())
            file.flush()
            asked = {"file": file.name, "language": part.entry.language}
            to.write(json.dumps(asked) + "\n")
            to.flush()
            commits: list[tuple[float, str]] = json.loads(back.readline())
        words = [(word, at) for at, text in commits for word in text.split()]
        times = [at for _, at in words]
        return Seen([word for word, _ in words], times, times, erased=0, broken=0)

    try:
        back.readline()
        yield watch_peer
    finally:
        to.close()
        process.wait(30)
