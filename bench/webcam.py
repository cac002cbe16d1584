"""Target 12: the CPU of a frame of the virtual webcam, and its rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import msgspec
from PIL import Image, ImageDraw, ImageFont

from bench.machine import describe
from bench.options import BenchOptions
from bench.report import Report, interleaved, row, share_of
from livetranslate.meetings.webcam.frame import Frame
from livetranslate.meetings.webcam.options import WebcamOptions
from livetranslate.meetings.webcam.packets import Packet, TranscriptionPacket, TranslationPacket
from livetranslate.meetings.webcam.webcam import Webcam

SECONDS = 20.0
"""Of one repeat of the conversation, in its own time."""
LIVE_S = 60.0
"""Of the run in real time, unless said otherwise."""
WORDS_A_SECOND = 2.5
PREVIEW_WORDS = 2
"""Words between two previews of a translation."""
PAUSE_S = 1.0
STILL_FRAMES = 300

TURNS = (
    ("Anna", "We would like to begin with the figures of the last quarter, and then talk about",
     "Nos gustaría comenzar con las cifras del último trimestre y luego hablar sobre"),
    ("Ben", "Thank you. I have looked at them, and there are two things that surprised me a lot",
     "Gracias. Las he mirado, y hay dos cosas que me sorprendieron mucho"),
)  # fmt: skip


class Told(msgspec.Struct, frozen=True):
    """What one repeat cost: CPU milliseconds a frame."""

    talk: float
    still: float = 0.0
    change: float = 0.0


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    size = WebcamOptions()
    script = list(_script(SECONDS))
    _ours(script, size)
    done = interleaved(
        options.repeats,
        {"ours": lambda: _ours(script, size), "theirs": lambda: _theirs(script, size)},
    )
    ours, theirs = done["ours"], done["theirs"]
    baseline = [one.talk for one in theirs]
    seconds = options.seconds or LIVE_S
    live = asyncio.run(_live(script, size, seconds))
    return Report(
        name="webcam",
        target="≤ 1/20 of the CPU of a full RGBA composite a frame at 1280×720; 30.0 ± 0.5 fps",
        baseline="Pillow: a full-size RGBA layer composited over the background for each frame; "
        "its text, too, is drawn on change only",
        rows=[
            share_of("a conversation", "ms CPU a frame", [one.talk for one in ours], baseline),
            share_of(
                "a frame in which nothing changes",
                "ms CPU a frame",
                [one.still for one in ours],
                [one.still for one in theirs],
            ),
            row("a frame with a new word", "ms CPU a frame", [one.change for one in ours]),
            row(f"live, {seconds:.0f} s", "frames a second", [live.fps]),
            row("of them late by a period", "frames", [live.late]),
            row("left out", "frames", [live.skipped]),
            row("live, all of the process", "% of a core", [live.cpu]),
        ],
        notes=[
            f"The conversation: {SECONDS:.0f} s of two speakers, {WORDS_A_SECOND:g} words a "
            f"second, each word a packet, a translation's preview each {PREVIEW_WORDS} words; "
            f"{len(script)} packets.",
            "Frames stay in memory: what a sink makes of them (video, PNG, I420) is not in it.",
            "CPU time, hence fairly robust under the machine's load; the live run is not.",
        ],
        machine=machine,
    )


class _Live(msgspec.Struct, frozen=True):
    fps: float
    late: float
    skipped: float
    cpu: float


class _Counted:
    """A sink that counts."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, frame: Frame) -> None:
        self.written += 1

    def close(self) -> None:
        return


def _script(seconds: float) -> Iterator[tuple[float, Packet]]:
    """Yield packets with the seconds at which they come."""
    at, turn = 0.0, 0
    while at < seconds:
        speaker, text, translation = TURNS[turn % len(TURNS)]
        words, said = text.split(), translation.split()
        began = at
        for count in range(1, len(words) + 1):
            at += 1 / WORDS_A_SECOND
            yield at, _spoken(" ".join(words[:count]), speaker, began)
            if count % PREVIEW_WORDS == 0 or count == len(words):
                share = len(said) * count // len(words)
                yield at, _translated(" ".join(said[:share]), speaker, began)
        at += PAUSE_S
        turn += 1


def _ours(script: list[tuple[float, Packet]], options: WebcamOptions) -> Told:
    webcam = Webcam(options)
    waiting = iter([*script, (float("inf"), script[-1][1])])
    at, packet = next(waiting)
    changed_ms: list[float] = []
    frames = round(SECONDS * options.fps)
    begin = time.process_time()
    for number in range(frames):
        now = number / options.fps
        new = at <= now
        while at <= now:
            webcam.show(packet)
            at, packet = next(waiting)
        before = time.process_time()
        webcam.frame(number, now)
        if new:
            changed_ms.append(1000 * (time.process_time() - before))
    talk = 1000 * (time.process_time() - begin) / frames
    begin = time.process_time()
    for number in range(frames, frames + STILL_FRAMES):
        webcam.frame(number, SECONDS)
    still = 1000 * (time.process_time() - begin) / STILL_FRAMES
    return Told(talk, still, sum(changed_ms) / len(changed_ms))


def _theirs(script: list[tuple[float, Packet]], options: WebcamOptions) -> Told:
    """Composite a layer a frame; draw its text where a packet came."""
    size = (options.width, options.height)
    background = Image.new("RGBA", size, (14, 17, 22, 255))
    font = ImageFont.load_default(40)
    layer = Image.new("RGBA", size)
    waiting = iter([*script, (float("inf"), script[-1][1])])
    at, packet = next(waiting)
    frames = round(SECONDS * options.fps)
    begin = time.process_time()
    for number in range(frames):
        while at <= number / options.fps:
            layer = _layer(packet, size, font)
            at, packet = next(waiting)
        Image.alpha_composite(background, layer)
    talk = 1000 * (time.process_time() - begin) / frames
    begin = time.process_time()
    for _ in range(STILL_FRAMES):
        Image.alpha_composite(background, layer)
    return Told(talk, 1000 * (time.process_time() - begin) / STILL_FRAMES)


def _layer(
    packet: Packet, size: tuple[int, int], font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> Image.Image:
    layer = Image.new("RGBA", size)
    draw = ImageDraw.Draw(layer)
    draw.rectangle((28, 400, size[0] - 28, size[1] - 28), fill=(28, 34, 44, 255))
    draw.text((64, 440), packet.translated_text[-55:], fill="white", font=font)
    return layer


async def _live(
    script: list[tuple[float, Packet]], options: WebcamOptions, seconds: float
) -> _Live:
    """Run in real time, the conversation over and over."""
    sink = _Counted()
    webcam = Webcam(options, [sink])
    running = asyncio.create_task(webcam.run())
    begin, cpu = time.monotonic(), time.process_time()
    turn = 0
    while time.monotonic() - begin < seconds:
        start = begin + turn * SECONDS
        for at, packet in script:
            left = start + at - time.monotonic()
            if time.monotonic() - begin >= seconds:
                break
            await asyncio.sleep(max(0.0, left))
            webcam.show(packet)
        turn += 1
    webcam.stop()
    await running
    took, used = time.monotonic() - begin, time.process_time() - cpu
    status = webcam.status()
    return _Live(sink.written / took, status.late, status.skipped, 100 * used / took)


def _spoken(text: str, speaker: str, began: float) -> Packet:
    return TranscriptionPacket(
        translated_text=text,
        source_language="en",
        target_language="en",
        speaker_id=speaker,
        speaker_name=speaker,
        translation_confidence=None,
        is_original_transcription=True,
        timestamp=began,
    )


def _translated(text: str, speaker: str, began: float) -> Packet:
    return TranslationPacket(
        translated_text=text,
        source_language="en",
        target_language="es",
        speaker_id=speaker,
        speaker_name=speaker,
        translation_confidence=None,
        is_original_transcription=False,
        google_meet_timestamp=None,
        internal_timestamp=began,
    )
