"""Compressed audio as a stream: FFmpeg's demuxers fed piece by piece.

FFmpeg pulls its input and cannot be interrupted in the middle, so each stream has a thread of its
own in which FFmpeg runs; it stands still in ``read`` whenever it has used up its bytes. Feeding is
a strict hand-over: the feeder gives bytes and waits until FFmpeg asks for more. That makes the
result independent of timing, and the two never run at once.
"""

from __future__ import annotations

import threading
import weakref

import av
import av.error
import msgspec

from livetranslate.audio.mono import PacketDecoder
from livetranslate.audio.resample import Samples
from livetranslate.domain.audio import Encoding
from livetranslate.domain.errors import InternalError, InvalidInput, LiveTranslateError

Runs = list[tuple[int, Samples]]

_FORMATS = {
    Encoding.MP3: "mp3",
    Encoding.WEBM: "matroska",
    Encoding.OGG: "ogg",
    Encoding.FLAC: "flac",
}
_BUFFER_BYTES = 4096


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a compressed stream may cost.

    Attributes:
        max_chunk_s: Seconds of audio that one chunk may decode to; more is a decompression bomb.
        max_silent_bytes: Bytes that may come without yielding a single sample.
    """

    max_chunk_s: float = 1800.0
    max_silent_bytes: int = 16 * 1024 * 1024


class ContainerSource:
    """Decodes MP3, WebM, Ogg or FLAC that comes in pieces cut anywhere."""

    def __init__(self, encoding: Encoding, limits: StreamLimits) -> None:
        self._exchange = _Exchange(limits)
        self._thread = threading.Thread(
            target=_run, args=(encoding, self._exchange), name="audio-stream", daemon=True
        )
        self._started = False
        weakref.finalize(self, self._exchange.close)

    def feed(self, data: bytes) -> Runs:
        """Return runs of (rate in Hz, mono samples); blocks while FFmpeg decodes.

        Raises:
            InvalidInput: The data cannot be decoded; every later call raises it again.
        """
        self._start()
        return self._exchange.feed(data)

    def finish(self) -> Runs:
        """Return what is left; raises InvalidInput if nothing was ever decoded."""
        self._start()
        return self._exchange.finish()

    def close(self) -> None:
        """End the thread; the stream is over."""
        self._exchange.close()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._thread.start()


class _Exchange:
    """The place where feeder and FFmpeg's thread hand over bytes and samples."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._bytes = bytearray()
        self._runs: Runs = []
        self._run_seconds = 0.0
        self._silent_bytes = 0
        self._starving = False
        self._ended = False
        self._finished = False
        self._error: LiveTranslateError | None = None

    def feed(self, data: bytes) -> Runs:
        with self._changed:
            if data and self._finished and self._error is None:
                raise InvalidInput("bytes came behind the end of the stream", field="encoding")
            self._bytes += data
            self._silent_bytes += len(data)
            runs = self._hand_over()
            if self._silent_bytes > self._limits.max_silent_bytes:
                raise InvalidInput(
                    f"{self._silent_bytes} bytes came without any audio in them", field="encoding"
                )
            return runs

    def finish(self) -> Runs:
        with self._changed:
            self._ended = True
            return self._hand_over()

    def close(self) -> None:
        with self._changed:
            self._ended = True
            self._bytes.clear()
            self._changed.notify_all()

    def _hand_over(self) -> Runs:
        self._starving = False
        self._changed.notify_all()
        while not (self._starving or self._finished):
            self._changed.wait()
        if self._error is not None:
            raise self._error
        runs, self._runs = self._runs, []
        self._run_seconds = 0.0
        return runs

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, waiting for at least one; nothing at the end (FFmpeg)."""
        with self._changed:
            while not (self._bytes or self._ended):
                self._starving = True
                self._changed.notify_all()
                self._changed.wait()
            piece = bytes(self._bytes[:size])
            del self._bytes[:size]
            return piece

    @property
    def ended(self) -> bool:
        """Whether the feeder has given its last byte."""
        return self._ended

    def put(self, rate: int, samples: Samples) -> None:
        """Take decoded samples; raises InvalidInput for a decompression bomb."""
        with self._changed:
            self._runs.append((rate, samples))
            self._silent_bytes = 0
            self._run_seconds += len(samples) / rate
            if self._run_seconds > self._limits.max_chunk_s:
                raise InvalidInput(
                    f"one chunk decodes to more than {self._limits.max_chunk_s:g} s of audio; "
                    "send smaller chunks",
                    field="encoding",
                )

    def end(self, error: LiveTranslateError | None) -> None:
        """FFmpeg is through."""
        with self._changed:
            self._error = error
            self._finished = True
            self._changed.notify_all()


def _run(encoding: Encoding, exchange: _Exchange) -> None:
    error: LiveTranslateError | None = None
    try:
        _decode(encoding, exchange)
    except LiveTranslateError as wrong:
        error = wrong
    except (av.error.FFmpegError, ValueError, EOFError) as wrong:
        error = InvalidInput(
            f"the audio cannot be decoded as {encoding.value}: {wrong}", field="encoding"
        )
    except Exception as wrong:  # noqa: BLE001 - the feeder waits for this thread's answer
        error = InternalError(f"the audio decoder failed: {wrong}")
    exchange.end(error)


def _decode(encoding: Encoding, exchange: _Exchange) -> None:
    name = _FORMATS[encoding]
    packets = PacketDecoder("encoding")
    with av.open(
        exchange,
        mode="r",
        format=name,
        options={"probesize": "32", "analyzeduration": "0", "format_whitelist": name},
        buffer_size=_BUFFER_BYTES,
    ) as container:
        if not container.streams.audio:
            raise InvalidInput("the stream holds no audio track", field="encoding")
        try:
            for packet in container.demux(container.streams.audio[0]):
                for rate, samples in packets.feed(packet):
                    exchange.put(rate, samples)
        except av.error.FFmpegError:
            if not (exchange.ended and packets.decoded):
                raise  # a stream cut off in the middle of a packet is worth all before it
    if not packets.decoded:
        raise InvalidInput(f"the {encoding.value} stream ended without any audio", field="encoding")
