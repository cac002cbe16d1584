"""Made sounds, encoded in every format the edges take."""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

CODECS = {"mp3": "libmp3lame", "webm": "libopus", "ogg": "libopus", "flac": "flac"}


def tone(seconds: float, rate: int = 16_000, hz: float = 440.0, level: float = 0.3) -> Samples:
    """A sine of a level between 0 and 1."""
    at = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hz * at)).astype(np.float32)


def noise(seconds: float, rate: int = 16_000, level: float = 0.1, seed: int = 0) -> Samples:
    """White noise of a standard deviation."""
    draw = np.random.default_rng(seed).standard_normal(round(seconds * rate))
    return (level * draw).clip(-1, 1).astype(np.float32)


def s16(samples: Samples) -> bytes:
    """Samples as s16le."""
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes()


def container(
    samples: Samples, form: str, rate: int = 16_000, *, codec: str | None = None, channels: int = 1
) -> bytes:
    """Samples in a container, the same in each channel."""
    codec = codec or CODECS.get(form, "pcm_s16le")
    out = io.BytesIO()
    layout = "stereo" if channels == 2 else "mono"
    with av.open(out, "w", format=form) as target:
        stream = target.add_stream(codec, rate=rate, layout=layout)
        interleaved = np.repeat(samples, channels)[None, :]
        pcm = np.frombuffer(s16(interleaved[0]), "<i2")[None, :]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            target.mux(packet)
    return out.getvalue()


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Data in pieces of the given sizes, again and again."""
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    return pieces
