"""The webcam itself: packets in from anywhere, frames out to every sink, at its own rate."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec
import structlog

from livetranslate.meetings.webcam.frame import Frame, FrameSink
from livetranslate.meetings.webcam.frame_clock import FrameClock
from livetranslate.meetings.webcam.options import WebcamOptions
from livetranslate.meetings.webcam.packets import Packet
from livetranslate.meetings.webcam.renderer import Renderer
from livetranslate.meetings.webcam.subtitles import Subtitles
from livetranslate.meetings.webcam.text.fonts import REMEDY, FontLibrary

MAX_WAITING = 256
"""Packets that wait for the next frame; beyond it the oldest gives way (newer text supersedes)."""

_log = structlog.get_logger(__name__)


class WebcamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the webcam has done.

    Attributes:
        frames: Frames made; every sink that has not failed has taken as many since it came.
        late: Of them, those made a period or more too late.
        skipped: Frames that were left out since the machine was far behind.
        packets: Packets taken.
        dropped: Packets that gave way unseen.
        drawn: Captions drawn.
        missing_fonts: Scripts that no font here can write.
        failures: What sinks raised before they were closed.
    """

    frames: int
    late: int
    skipped: int
    packets: int
    dropped: int
    drawn: int
    missing_fonts: tuple[str, ...]
    failures: tuple[str, ...]


class Webcam:
    """Shows captions as frames.

    ``show`` may be called from any thread. Frames are made either one by one with ``frame`` by a
    caller that has its own time, or by ``run`` at the rate of the options.

    Args:
        options: Size, rate and look.
        sinks: Where frames go.
        clock: Monotonic seconds, for ``run``.
        fonts: Fonts; this machine's by default.

    Raises:
        FontsMissing: There is no font at all.
    """

    def __init__(
        self,
        options: WebcamOptions | None = None,
        sinks: Sequence[FrameSink] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        fonts: FontLibrary | None = None,
    ) -> None:
        self.options = options or WebcamOptions()
        self._sinks = list(sinks)
        self._clock = clock
        self._subtitles = Subtitles(self.options.subtitles)
        self._renderer = Renderer(self.options, fonts)
        self._waiting: deque[Packet] = deque()
        self._lock = threading.Lock()
        self._drawing = threading.Lock()
        self._frames = self._packets = self._dropped = 0
        self._beat: FrameClock | None = None
        self._failures: list[str] = []
        self._told: frozenset[str] = frozenset()
        self._stopping = asyncio.Event()

    def show(self, packet: Packet) -> None:
        """Show a packet from the next frame on."""
        with self._lock:
            self._packets += 1
            self._waiting.append(packet)
            if len(self._waiting) > MAX_WAITING:
                self._waiting.popleft()
                self._dropped += 1

    def frame(self, number: int, now: float) -> Frame:
        """Make a frame and give it to all sinks.

        Args:
            number: Number of the frame, above all before it.
            now: Its time in seconds, not before that of the frame before.
        """
        with self._lock:
            packets = list(self._waiting)
            self._waiting.clear()
        with self._drawing:
            for packet in packets:
                self._subtitles.take(packet, now)
            frame = Frame(number, self._renderer.draw(self._subtitles.screen(now)))
            self._frames += 1
            self._tell_missing()
            for sink in tuple(self._sinks):
                self._give(sink, frame)
        return frame

    def png(self) -> bytes:
        """Return the present picture as a PNG file; takes as long as a frame, so not in a loop."""
        with self._drawing:
            return self._renderer.picture.png()

    async def run(self) -> None:
        """Make frames at the rate of the options until ``stop``; never blocks the event loop."""
        beat = self._beat = FrameClock(self.options.fps, self._clock())
        with ThreadPoolExecutor(1, thread_name_prefix="webcam") as thread:
            loop = asyncio.get_running_loop()
            while not self._stopping.is_set():
                due = beat.due(self._clock())
                for number in due.numbers:
                    await loop.run_in_executor(thread, self.frame, number, beat.time_of(number))
                left = beat.time_of(due.numbers.stop) - self._clock()
                await self._pause(left if due.numbers else due.wait_s)

    def stop(self) -> None:
        """Have ``run`` return after the frame in the making; call it in the loop of ``run``."""
        self._stopping.set()

    def close(self) -> None:
        """Finish all sinks; once, after the last frame."""
        with self._drawing:
            while self._sinks:
                self._close(self._sinks.pop())

    def status(self) -> WebcamStatus:
        """Return what was done so far."""
        with self._drawing:
            beat = self._beat
            return WebcamStatus(
                frames=self._frames,
                late=beat.late if beat else 0,
                skipped=beat.skipped if beat else 0,
                packets=self._packets,
                dropped=self._dropped,
                drawn=self._renderer.drawn,
                missing_fonts=tuple(sorted(self._renderer.missing)),
                failures=tuple(self._failures),
            )

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), max(0.0, seconds))
        except TimeoutError:
            return

    def _give(self, sink: FrameSink, frame: Frame) -> None:
        try:
            sink.write(frame)
        except Exception as error:  # noqa: BLE001 - one sink's fault is not the others'
            self._sinks.remove(sink)
            self._fail(sink, error)
            with suppress(Exception):
                sink.close()

    def _close(self, sink: FrameSink) -> None:
        try:
            sink.close()
        except Exception as error:  # noqa: BLE001 - nor is it when it ends
            self._fail(sink, error)

    def _fail(self, sink: FrameSink, error: Exception) -> None:
        name = type(sink).__name__
        self._failures.append(f"{name}, after {sink.written} frames: {error}")
        _log.error("webcam_output_failed", sink=name, written=sink.written, error=str(error))

    def _tell_missing(self) -> None:
        missing = self._renderer.missing
        if missing != self._told:
            self._told = missing
            _log.warning("webcam_fonts_missing", scripts=sorted(missing), remedy=REMEDY)
