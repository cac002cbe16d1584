"""Samples without compression, and the two laws of telephony (ITU-T G.711)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.resample import NO_SAMPLES, Samples, from_s16le
from livetranslate.domain.errors import InvalidInput

FULL_SCALE_LIMIT = 16.0
"""Floats beyond this multiple of full scale (+24 dB) are no audio, but another encoding."""


class Pcm(str, Enum):
    """Sample formats, all little endian."""

    U8 = "u8"
    S16 = "s16"
    S24 = "s24"
    S32 = "s32"
    F32 = "f32"
    F64 = "f64"
    MULAW = "mulaw"
    ALAW = "alaw"

    @property
    def size(self) -> int:
        """Bytes a sample."""
        return _SIZES[self]


class PcmDecoder:
    """Turns bytes of samples, cut anywhere, into mono float32.

    Channels are averaged. An incomplete sample waits for its rest.
    """

    def __init__(self, form: Pcm, channels: int = 1) -> None:
        self._form = form
        self._channels = channels
        self._frame = form.size * channels
        self._carry = b""

    def feed(self, data: bytes) -> Samples:
        """Return the samples that are complete now; raises InvalidInput and takes nothing."""
        joined = self._carry + data if self._carry else data
        whole = len(joined) - len(joined) % self._frame
        if not whole:
            self._carry = joined
            return NO_SAMPLES
        samples = check_samples(_READERS[self._form](joined[:whole]))
        self._carry = joined[whole:]
        if self._channels == 1:
            return samples
        return samples.reshape(-1, self._channels).mean(axis=1, dtype=np.float32)


def check_samples(samples: Samples) -> Samples:
    """Return samples if they can be audio; raises InvalidInput for NaN, infinite or huge ones."""
    peak = float(np.abs(samples).max(initial=0.0))
    if not peak <= FULL_SCALE_LIMIT:  # also true for NaN
        raise InvalidInput(
            "the audio holds values that are no samples (not finite, or far beyond ±1.0); "
            "check that its encoding and sample rate are the declared ones",
            field="encoding",
        )
    return samples


def _u8(data: bytes) -> Samples:
    return (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / np.float32(128.0)


def _s24(data: bytes) -> Samples:
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return _s32(wide.tobytes())


def _s32(data: bytes) -> Samples:
    return (np.frombuffer(data, "<i4") / 2147483648.0).astype(np.float32)


def _f32(data: bytes) -> Samples:
    return np.frombuffer(data, "<f4").astype(np.float32)


def _f64(data: bytes) -> Samples:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.frombuffer(data, "<f8").astype(np.float32)


def _mulaw_table() -> NDArray[np.float32]:
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code.astype(np.int32) >> 4) & 7
    magnitude = ((((code.astype(np.int32) & 15) << 3) + 132) << exponent) - 132
    return (np.where(code & 128, -magnitude, magnitude) / 32768.0).astype(np.float32)


def _alaw_table() -> NDArray[np.float32]:
    code = (np.arange(256, dtype=np.uint8) ^ 0x55).astype(np.int32)
    exponent = (code >> 4) & 7
    step = ((code & 15) << 4) + 8
    magnitude = np.where(exponent > 0, (step + 256) << np.maximum(exponent - 1, 0), step)
    return (np.where(code & 128, magnitude, -magnitude) / 32768.0).astype(np.float32)


_MULAW = _mulaw_table()
_ALAW = _alaw_table()


def _mulaw(data: bytes) -> Samples:
    return _MULAW[np.frombuffer(data, np.uint8)]


def _alaw(data: bytes) -> Samples:
    return _ALAW[np.frombuffer(data, np.uint8)]


_READERS: dict[Pcm, Callable[[bytes], Samples]] = {
    Pcm.U8: _u8,
    Pcm.S16: from_s16le,
    Pcm.S24: _s24,
    Pcm.S32: _s32,
    Pcm.F32: _f32,
    Pcm.F64: _f64,
    Pcm.MULAW: _mulaw,
    Pcm.ALAW: _alaw,
}

_SIZES = {
    Pcm.U8: 1,
    Pcm.S16: 2,
    Pcm.S24: 3,
    Pcm.S32: 4,
    Pcm.F32: 4,
    Pcm.F64: 8,
    Pcm.MULAW: 1,
    Pcm.ALAW: 1,
}
