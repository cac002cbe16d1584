"""Target 1: the encoder on live buffers, against windows padded to 30 s."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from numpy.typing import NDArray

from bench.corpus import Recording, joined, recordings
from bench.machine import describe
from bench.options import BenchOptions
from bench.recognise import live_windows, whisper
from bench.report import Report, Row, interleaved, times_faster
from bench.scoring import Errors, errors
from livetranslate.asr.engine import WindowRequest
from livetranslate.asr.whisper.engine import WhisperEngine
from livetranslate.domain.audio import SAMPLE_RATE

WINDOWS_S = (2.0, 5.0, 10.0, 15.0)
CALLS = 5
"""Windows encoded in one repeat of one length."""
MIX = 60
"""Windows of a live session encoded in one repeat, at most."""

Windows = Sequence[NDArray[np.float32]]


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    parts = recordings(options.speech, language="en")
    audio = joined(parts, 60.0).audio
    short = whisper(options.model, threads=options.threads)
    padded = whisper(options.model, threads=options.threads, min_window_s=30.0)
    peer = WhisperModel(
        str(options.model), device="cpu", compute_type="int8", cpu_threads=options.threads
    )
    bears_s = short.capabilities.min_window_s
    rows: list[Row] = []
    for seconds in WINDOWS_S:
        windows = _cuts(audio, seconds)
        rows.append(_row(f"{seconds:g} s windows", options.repeats, short, peer, windows))
    rows.append(
        _row("5 s windows, a model that bears only 30 s", options.repeats, padded, peer,
             _cuts(audio, 5.0))
    )  # fmt: skip
    live = live_windows(options, joined(parts, 40.0).pcm, "en").requests
    chosen = [timed.request.audio for timed in live][:: max(1, len(live) // MIX)]
    rows.append(_row("the windows of a live session", options.repeats, short, peer, chosen))
    mean_s = float(np.mean([len(window) for window in chosen])) / SAMPLE_RATE
    notes = [
        f"The model bears windows of {bears_s:g} s and more.",
        "Times include the mel spectrogram; one window a call.",
        f"Windows of a live session: {mean_s:.1f} s on average.",
        _accuracy("short windows", _decoded(short, parts)),
        _accuracy("windows padded to 30 s", _decoded(padded, parts)),
    ]
    for engine in (short, padded):
        engine.close()
    return Report(
        name="window",
        target="encoder ≥ 6 × on live buffers for a model that bears short windows, ≥ 1 × else",
        baseline="faster-whisper's encode of windows padded to 30 s, same model",
        rows=rows,
        notes=notes,
        machine=machine,
    )


def _cuts(audio: NDArray[np.float32], seconds: float) -> Windows:
    size = int(seconds * SAMPLE_RATE)
    room = (len(audio) - size) // CALLS
    return [audio[index * room : index * room + size] for index in range(CALLS)]


def _row(
    what: str, repeats: int, engine: WhisperEngine, peer: WhisperModel, windows: Windows
) -> Row:
    def ours() -> float:
        begin = time.perf_counter()
        for window in windows:
            engine.encode([window])
        return 1000 * (time.perf_counter() - begin) / len(windows)

    def theirs() -> float:
        begin = time.perf_counter()
        for window in windows:
            peer.encode(pad_or_trim(peer.feature_extractor(window)))
        return 1000 * (time.perf_counter() - begin) / len(windows)

    for warm in (ours, theirs):
        warm()
    times = interleaved(repeats, {"ours": ours, "theirs": theirs})
    return times_faster(what, "ms a window", times["ours"], times["theirs"])


def _decoded(engine: WhisperEngine, parts: list[Recording]) -> Errors:
    """Return the errors of decoding each recording in one window."""
    pairs: list[tuple[str, str, str]] = []
    for part in parts:
        if part.seconds > 15.0:
            continue
        request = WindowRequest(audio=part.audio, offset_s=0.0, language="en", final=True)
        (found,) = engine.decode([request])
        text = " ".join(word.word for word in found.words)
        pairs.append((part.entry.language, part.entry.text, text))
    return errors(pairs)


def _accuracy(what: str, found: Errors) -> str:
    return f"WER with {what}: {found.wer:.1%} of {found.words} words (CER {found.cer:.1%})."
