"""Recognition of whole files: cut at pauses into windows that fill batches.

Speech is found first, then packed into windows as long as the model decodes well; the windows go
through the same scheduler as live sessions, at lower priority, many at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from livetranslate.asr.engine import Capabilities, Samples, WindowRequest
from livetranslate.asr.guards import GuardOptions, guarded
from livetranslate.asr.manager import ModelLease
from livetranslate.asr.scheduler import Priority
from livetranslate.asr.segmenter import Segmenter, SegmenterOptions, SegmenterState
from livetranslate.asr.vad import FRAME, Endpointer, SileroVad, VadOptions, VoiceState
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.session import Task
from livetranslate.domain.speech import Hypothesis, Segment
from livetranslate.domain.transcription import TranscribedSegment, Transcription

Progress = Callable[[float], None]
"""Told the share of the file that is done, 0-1."""


class FileOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is recognised.

    Attributes:
        language: ISO 639-1 code; None or ``auto`` to detect it.
        task: Transcribe, or translate into English.
        vad: Whether silence is left out.
        max_window_s: Longest window; longer where the model would pad it anyway, and never longer
            than the engine bears.
        in_flight: Windows given to the scheduler at the same time.
        prompt: Text that tells the model what it is about.
    """

    language: str | None = None
    task: Task = Task.TRANSCRIBE
    vad: bool = True
    max_window_s: float = 12.0
    in_flight: int = 16
    prompt: str = ""


class Span(msgspec.Struct, frozen=True):
    """Samples from ``start`` up to ``end``."""

    start: int
    end: int


def find_speech(audio: Samples, options: VadOptions, *, block_s: float = 60.0) -> list[Span]:
    """Return the stretches of speech, padded, in order and without overlap."""
    vad, endpointer = SileroVad(), Endpointer(options)
    padding = int(options.padding_s * SAMPLE_RATE)
    spans: list[Span] = []
    begin: int | None = None
    block = int(block_s * SAMPLE_RATE) // FRAME * FRAME
    padded = np.concatenate([audio, np.zeros(-len(audio) % FRAME, dtype=np.float32)])
    for offset in range(0, len(padded), block):
        for probability in vad.accept(padded[offset : offset + block]):
            boundary = endpointer.accept(float(probability))
            if boundary is None:
                continue
            if boundary.state is VoiceState.SPEECH:
                earliest = spans[-1].end if spans else 0
                begin = max(boundary.at - padding, earliest)
            elif begin is not None:
                spans.append(Span(begin, min(boundary.at + padding, len(audio))))
                begin = None
    if begin is not None:
        spans.append(Span(begin, len(audio)))
    return spans


def pack(spans: Sequence[Span], audio: Samples, max_samples: int) -> list[Span]:
    """Return windows of at most ``max_samples``: neighbours joined, long ones cut."""
    windows: list[Span] = []
    for span in spans:
        if windows and span.end - windows[-1].start <= max_samples:
            windows[-1] = Span(windows[-1].start, span.end)
            continue
        start = span.start
        while span.end - start > max_samples:
            cut = _quietest(audio, start + max_samples // 2, start + max_samples)
            windows.append(Span(start, cut))
            start = cut
        windows.append(Span(start, span.end))
    return windows


def _quietest(audio: Samples, begin: int, end: int) -> int:
    """Return the middle of the quietest 100 ms between two samples."""
    width = SAMPLE_RATE // 10
    energy = np.convolve(audio[begin:end] ** 2, np.ones(width, dtype=np.float32), mode="valid")
    return begin + int(np.argmin(energy)) + width // 2


async def recognise_file(
    audio: Samples,
    lease: ModelLease,
    options: FileOptions,
    *,
    progress: Progress | None = None,
    clock: Callable[[], float],
) -> Transcription:
    """Return what is said in ``audio``.

    Args:
        audio: The whole file.
        lease: Model to use.
        options: What is asked for.
        progress: Told of each window done.
        clock: Seconds, monotonic, for ``processing_time``.

    Raises:
        UnsupportedLanguage: The model does not know the language.
    """
    begin = clock()
    capabilities = lease.engine.capabilities
    windows = await asyncio.to_thread(_windows, audio, capabilities, options)
    language = None if options.language == "auto" else options.language
    hypotheses: list[Hypothesis] = []
    for first in range(0, len(windows), options.in_flight):
        some = windows[first : first + options.in_flight]
        if language is None and not hypotheses:
            hypotheses += await _decode(audio, some[:1], lease, options, None)
            language = hypotheses[0].language
            some = some[1:]
        hypotheses += await _decode(audio, some, lease, options, language)
        if progress is not None:
            progress(min(1.0, len(hypotheses) / len(windows)))
    if progress is not None and not windows:
        progress(1.0)
    segments = _segments(windows, hypotheses)
    return _result(segments, language, lease, len(audio) / SAMPLE_RATE, clock() - begin)


def _windows(audio: Samples, capabilities: Capabilities, options: FileOptions) -> list[Span]:
    wanted_s = max(options.max_window_s, capabilities.min_window_s)
    longest = int(min(wanted_s, capabilities.max_window_s) * SAMPLE_RATE)
    whole = [Span(0, len(audio))] if len(audio) else []
    return pack(find_speech(audio, VadOptions()) if options.vad else whole, audio, longest)


async def _decode(
    audio: Samples,
    windows: Sequence[Span],
    lease: ModelLease,
    options: FileOptions,
    language: str | None,
) -> list[Hypothesis]:
    requests = [
        WindowRequest(
            audio=audio[window.start : window.end],
            offset_s=window.start / SAMPLE_RATE,
            language=language,
            task=options.task,
            prompt=options.prompt,
            final=True,
        )
        for window in windows
    ]
    if lease.scheduler is None:
        return [await _stream(request, lease) for request in requests]
    futures = [lease.scheduler.submit(request, Priority.FILE) for request in requests]
    try:
        return list(await asyncio.gather(*(asyncio.wrap_future(future) for future in futures)))
    finally:
        for future in futures:
            future.cancel()


async def _stream(request: WindowRequest, lease: ModelLease) -> Hypothesis:
    async with lease.lanes.lane(live=False):
        return (await asyncio.to_thread(lease.engine.decode, [request]))[0]


def _segments(windows: Sequence[Span], hypotheses: Sequence[Hypothesis]) -> list[Segment]:
    segmenter = Segmenter(SegmenterOptions(), SegmenterState())
    segments: list[Segment] = []
    for index, hypothesis in enumerate(hypotheses):
        checked = guarded(
            hypothesis, GuardOptions(), final=True, has_speech=lambda _start, _end: True
        )
        words = [msgspec.structs.replace(word, committed=True) for word in checked.words]
        after = index + 1 == len(windows) or windows[index + 1].start > windows[index].end
        changed = segmenter.add(words, (), hypothesis.language, pause=after)
        segments += [segment for segment in changed if segment.is_final]
    return segments


def _result(
    segments: Sequence[Segment],
    language: str | None,
    lease: ModelLease,
    duration_s: float,
    processing_s: float,
) -> Transcription:
    measured = [word.confidence for segment in segments for word in segment.words]
    known = [value for value in measured if value is not None]
    return Transcription(
        text=" ".join(segment.text for segment in segments),
        language=language if segments else None,
        confidence=round(sum(known) / len(known), 4) if known else None,
        speaker_id=None,
        segments=tuple(
            TranscribedSegment(
                id=segment.segment_id,
                start=segment.start,
                end=segment.end,
                text=segment.text,
                speaker_id=None,
                confidence=segment.confidence,
                words=segment.words,
            )
            for segment in segments
        ),
        diarization=(),
        duration=round(duration_s, 3),
        processing_time=round(processing_s, 3),
        model=lease.engine.info.model,
        engine=lease.engine.info.engine,
    )
