"""Many streams at once through the audio chain and the chunk manager: cost and latency a chunk."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np

from bench.corpus import joined, recordings
from bench.machine import describe
from bench.options import BenchOptions
from bench.recognise import CHUNK
from bench.report import Report, interleaved, percentile, row
from livetranslate.audio.chunking import ChunkManager
from livetranslate.audio.enhancement.enhancer import Enhancer, Pcm
from livetranslate.audio.enhancement.parameters import AudioParameters, Chunking
from livetranslate.audio.enhancement.presets import DEFAULT_PRESET, PRESETS
from livetranslate.audio.levels import quality
from livetranslate.audio.resample import from_s16le
from livetranslate.domain.audio import SAMPLE_RATE

SECONDS = 12.0
SHORT = Chunking(chunk_duration=3.0, overlap_duration=0.5, pause_search=1.0)


class Run(msgspec.Struct, frozen=True):
    """One repeat.

    Attributes:
        cpu_ms: Milliseconds of CPU for a second of one stream.
        pieces_ms: Time that each 100 ms of audio took until it was through.
        chunks: Chunks that came out.
    """

    cpu_ms: float
    pieces_ms: list[float]
    chunks: int


FIGURES: tuple[tuple[str, str, Callable[[Run], float]], ...] = (
    ("CPU", "ms a second of audio", lambda one: one.cpu_ms),
    ("100 ms of a stream, p50", "ms", lambda one: percentile(one.pieces_ms, 0.5)),
    ("100 ms of a stream, p99", "ms", lambda one: percentile(one.pieces_ms, 0.99)),
)


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    length = options.seconds or SECONDS
    pcm = joined(recordings(options.speech, language="en"), length).pcm[: int(length * SAMPLE_RATE)]
    done = interleaved(
        options.repeats,
        {
            name: partial(_streams, pcm, PRESETS[name], options.concurrent)
            for name in (DEFAULT_PRESET, "noisy")
        },
    )
    base = done[DEFAULT_PRESET]
    rows = [
        row(
            f"{what}, preset {name}",
            unit,
            [figure_of(one) for one in runs],
            [figure_of(one) for one in base] if runs is not base else (),
        )
        for name, runs in done.items()
        for what, unit, figure_of in FIGURES
    ]
    chunks = base[0].chunks
    return Report(
        name="chunking",
        target="none of its own; part of the platform's 10 % (target 14)",
        baseline="the same streams with the preset default, which enhances nothing",
        rows=rows,
        notes=[
            f"{options.concurrent} streams at once in one thread, {length:.0f} s each, "
            f"{chunks} chunks of at most 3 s with 0.5 s overlap, each with its quality.",
            "A stream's 100 ms go through chain, chunk manager and quality in one piece; its p99 "
            "is that of a piece that completes a chunk.",
        ],
        machine=machine,
    )


def _streams(pcm: Pcm, parameters: AudioParameters, count: int) -> Run:
    """Feed streams in turn, 100 ms at a time; their chunks without overlaps must be the input."""
    enhancers = [Enhancer() for _ in range(count)]
    managers = [ChunkManager(SHORT) for _ in range(count)]
    for enhancer in enhancers:
        enhancer.configure(parameters)
    pieces_ms: list[float] = []
    new = [0] * count
    chunks = 0
    began = time.process_time()
    for at in range(0, len(pcm), CHUNK):
        for index in range(count):
            begin = time.perf_counter()
            found = managers[index].accept(enhancers[index].accept(pcm[at : at + CHUNK]))
            for chunk in found:
                quality(from_s16le(chunk.audio.tobytes()))
                new[index] += len(chunk.new)
            chunks += len(found)
            pieces_ms.append(1000 * (time.perf_counter() - begin))
    used = time.process_time() - began
    for index, (enhancer, manager) in enumerate(zip(enhancers, managers, strict=True)):
        rest = manager.accept(enhancer.finish()) + manager.finish()
        new[index] += sum(len(chunk.new) for chunk in rest)
    assert np.all(np.array(new) == len(pcm))
    return Run(1000 * used / (count * len(pcm) / SAMPLE_RATE), pieces_ms, chunks)
