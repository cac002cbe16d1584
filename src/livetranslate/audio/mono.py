"""From FFmpeg's packets to mono float samples."""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.error
import numpy as np

from livetranslate.audio.pcm import check_samples
from livetranslate.audio.resample import Samples
from livetranslate.domain.errors import InvalidInput

MAX_BROKEN_PACKETS = 64
"""Packets in a row that may fail to decode before the stream is refused."""


class PacketDecoder:
    """Decodes packets of one audio stream to mono; a broken packet now and then is left out.

    Channels are averaged, so that equal channels keep their level.

    Args:
        field: Input field that errors name.

    Attributes:
        decoded: Whether any sample has come out.
    """

    def __init__(self, field: str) -> None:
        self._field = field
        self.decoded = False
        self._broken = 0
        self._shape: tuple[str, str, int] | None = None
        self._planar: av.AudioResampler | None = None

    def feed(self, packet: av.Packet[av.AudioStream]) -> Iterator[tuple[int, Samples]]:
        """Yield runs of (rate in Hz, mono samples); raises InvalidInput."""
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            self._broken += 1
            if self._broken > MAX_BROKEN_PACKETS:
                raise InvalidInput(
                    "the audio cannot be decoded; its data is damaged", field=self._field
                ) from error
            return
        for frame in frames:
            if frame.samples:
                self._broken = 0
                self.decoded = True
                yield frame.sample_rate, self._mono(frame)

    def _mono(self, frame: av.AudioFrame) -> Samples:
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._planar is None or shape != self._shape:
            self._planar, self._shape = av.AudioResampler(format="fltp"), shape
        planes = [part.to_ndarray() for part in self._planar.resample(frame)]
        samples = np.concatenate([np.mean(part, axis=0, dtype=np.float32) for part in planes])
        return check_samples(samples.astype(np.float32, copy=False))
