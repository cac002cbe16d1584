"""Audio as it flows inside the platform: 16 kHz mono, signed 16-bit little endian."""

from __future__ import annotations

from enum import Enum

import msgspec

SAMPLE_RATE = 16_000
"""Samples a second of all audio behind an edge."""

BYTES_PER_SAMPLE = 2
"""Signed 16-bit little endian, one channel."""


class Encoding(str, Enum):
    """Wire encodings that an edge decodes; the last five are containers."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    MULAW = "mulaw"
    WAV = "wav"
    MP3 = "mp3"
    WEBM = "webm"
    OGG = "ogg"
    FLAC = "flac"

    @property
    def is_container(self) -> bool:
        """Whether the stream carries its own headers, so that chunks are no whole samples."""
        return self not in (Encoding.PCM_S16LE, Encoding.PCM_F32LE, Encoding.MULAW)


class AudioChunk(msgspec.Struct, frozen=True, array_like=True):
    """One chunk of a session's audio as its log keeps it.

    Attributes:
        seq: Number of the chunk in its session, from 0 without gaps.
        start: Index of its first sample, counted from the session's first sample at 16 kHz.
        pcm: Samples, s16le mono 16 kHz; may be empty (a container's header decodes to nothing).
    """

    seq: int
    start: int
    pcm: bytes

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.pcm) // BYTES_PER_SAMPLE

    @property
    def end(self) -> int:
        """Index of the sample after the last one."""
        return self.start + self.samples


def seconds(samples: int) -> float:
    """Return the duration of a number of 16 kHz samples in seconds."""
    return samples / SAMPLE_RATE
