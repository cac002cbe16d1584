"""Target 13: a long file, cut at pauses and batched, against faster-whisper's sequential way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
from faster_whisper import WhisperModel

from bench.corpus import Recording, joined, recordings
from bench.machine import describe
from bench.options import BenchOptions
from bench.recognise import bearing_only_30_s, leased
from bench.report import Report, interleaved, times_faster
from bench.scoring import errors
from livetranslate.asr.files import FileOptions, find_speech, pack, recognise_file
from livetranslate.asr.manager import ModelLease
from livetranslate.asr.vad import VadOptions
from livetranslate.domain.audio import SAMPLE_RATE

SECONDS = 180.0


class Done(msgspec.Struct, frozen=True):
    """One transcription: seconds it took, and its text."""

    seconds: float
    text: str


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    long = joined(recordings(options.speech, language="en"), options.seconds or SECONDS)
    peer = WhisperModel(
        str(options.model), device="cpu", compute_type="int8", cpu_threads=options.threads
    )
    times = asyncio.run(_measure(options, long, peer))
    texts = {name: errors([("en", long.entry.text, done[0].text)]) for name, done in times.items()}
    seconds = {name: [one.seconds for one in done] for name, done in times.items()}
    ours, padded = seconds["ours"], seconds["ours, bearing only 30 s"]
    rows = [
        times_faster("at our pauses", "s", ours, seconds["at our pauses"]),
        times_faster(
            "at our pauses, with word times", "s", ours, seconds["at our pauses, with word times"]
        ),
        times_faster("as it is", "s", ours, seconds["as it is"]),
        times_faster("as it is; ours bearing only 30 s as well", "s", padded, seconds["as it is"]),
    ]
    return Report(
        name="longfile",
        target="batched ≥ 2 × on the CPU at the same WER",
        baseline="faster-whisper's transcribe, one window after another, same model and threads",
        rows=rows,
        notes=[
            f"{long.seconds:.0f} s of audio, {options.threads} threads.",
            *(f"WER, {name}: {found.wer:.1%} (CER {found.cer:.1%})."
              for name, found in texts.items()),
            "Ours gives word times. «At our pauses»: the windows of ours as clip_timestamps, no "
            "timestamps, no earlier text, which gives this baseline its best WER here. «As it "
            "is»: faster-whisper's own windows of 30 s and its defaults.",
            "The tests' small model fails on windows with much more than 15 s of speech: what has "
            "windows of 30 s is comparable in time only.",
        ],
        machine=machine,
    )  # fmt: skip


async def _measure(
    options: BenchOptions, long: Recording, peer: WhisperModel
) -> dict[str, list[Done]]:
    with bearing_only_30_s(options) as stock:
        async with leased(options) as lease, leased(stock) as padded:
            return await _alternate(options.repeats, lease, padded, long, peer)


async def _alternate(
    repeats: int, lease: ModelLease, padded: ModelLease, long: Recording, peer: WhisperModel
) -> dict[str, list[Done]]:
    loop = asyncio.get_running_loop()
    contenders: dict[str, Callable[[], Done]] = {
        "ours": lambda: _ours(loop, lease, long),
        "ours, bearing only 30 s": lambda: _ours(loop, padded, long),
        "at our pauses": lambda: _peer(peer, long, clips=True, words=False),
        "at our pauses, with word times": lambda: _peer(peer, long, clips=True, words=True),
        "as it is": lambda: _peer(peer, long, clips=False, words=False),
    }
    return await asyncio.to_thread(interleaved, repeats, contenders)


def _ours(loop: asyncio.AbstractEventLoop, lease: ModelLease, long: Recording) -> Done:
    work = recognise_file(long.audio, lease, FileOptions(language="en"), clock=time.monotonic)
    begin = time.perf_counter()
    found = asyncio.run_coroutine_threadsafe(work, loop).result()
    return Done(time.perf_counter() - begin, found.text)


def _peer(peer: WhisperModel, long: Recording, *, clips: bool, words: bool) -> Done:
    begin = time.perf_counter()
    cuts: list[float] = []
    if clips:
        longest = int(FileOptions().max_window_s * SAMPLE_RATE)
        for window in pack(find_speech(long.audio, VadOptions()), long.audio, longest):
            cuts += [window.start / SAMPLE_RATE, window.end / SAMPLE_RATE]
    segments, _ = peer.transcribe(
        long.audio,
        language="en",
        beam_size=5,
        word_timestamps=words,
        clip_timestamps=cuts or "0",
        condition_on_previous_text=not clips,
        without_timestamps=clips,
    )
    text = " ".join(segment.text for segment in segments)
    return Done(time.perf_counter() - begin, text)
