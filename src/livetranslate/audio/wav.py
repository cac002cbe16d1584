"""WAV as a stream: its header is read as it comes, so that the first sample waits for nothing.

Sizes that a live writer could not know (0, or near the maximum of 32 bits) mean "until the end".
Several WAV files behind one another are one stream.
"""

from __future__ import annotations

import struct

from livetranslate.audio.pcm import Pcm, PcmDecoder
from livetranslate.audio.resample import Samples
from livetranslate.domain.errors import InvalidInput

MAX_RATE = 384_000
MAX_CHANNELS = 16
_UNKNOWN_SIZE = 0x7FFF_0000
_MAX_FORMAT_BYTES = 1024
_EXTENSIBLE = 0xFFFE
_FORMS = {
    (1, 8): Pcm.U8,
    (1, 16): Pcm.S16,
    (1, 24): Pcm.S24,
    (1, 32): Pcm.S32,
    (3, 32): Pcm.F32,
    (3, 64): Pcm.F64,
    (6, 8): Pcm.ALAW,
    (7, 8): Pcm.MULAW,
}


class WavSource:
    """Reads the chunks of RIFF files from a stream cut anywhere."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._skip = 0
        self._data_left: int | None = 0
        self._decoder: PcmDecoder | None = None
        self._rate = 0
        self._any_data = False

    def feed(self, data: bytes) -> list[tuple[int, Samples]]:
        """Return runs of (rate in Hz, mono samples); raises InvalidInput."""
        found: list[tuple[int, Samples]] = []
        rest = data
        while rest:
            if self._data_left is None or self._data_left > 0:
                taken, rest = self._split(rest)
                found.append((self._rate, self._samples(taken)))
            elif self._skip:
                step = min(self._skip, len(rest))
                self._skip -= step
                rest = rest[step:]
            else:
                rest = self._header(rest)
        return found

    def finish(self) -> list[tuple[int, Samples]]:
        """End the stream; raises InvalidInput if it ended inside its header."""
        if not self._any_data:
            raise InvalidInput("the WAV stream ended before its first sample", field="encoding")
        return []

    def close(self) -> None:
        """Nothing is held."""

    def _split(self, data: bytes) -> tuple[bytes, bytes]:
        if self._data_left is None:
            return data, b""
        taken = data[: self._data_left]
        self._data_left -= len(taken)
        return taken, data[len(taken) :]

    def _samples(self, data: bytes) -> Samples:
        if self._decoder is None:
            raise InvalidInput("the WAV stream has data before its format", field="encoding")
        self._any_data = True
        return self._decoder.feed(data)

    def _header(self, data: bytes) -> bytes:
        """Take bytes of a chunk's header; return what lies behind them."""
        need = self._header_size()
        taken = data[: need - len(self._head)]
        self._head += taken
        if len(self._head) == self._header_size():
            self._chunk(bytes(self._head))
        return data[len(taken) :]

    def _header_size(self) -> int:
        """Return the bytes to collect: eight, four more of RIFF, the whole of a format."""
        if len(self._head) < 8:
            return 8
        name, size = struct.unpack_from("<4sI", self._head)
        if name in (b"RIFF", b"RF64"):
            return 12
        if name == b"fmt ":
            if not 16 <= size <= _MAX_FORMAT_BYTES:
                raise InvalidInput("the WAV stream has a broken format chunk", field="encoding")
            return 8 + size + size % 2
        return 8

    def _chunk(self, head: bytes) -> None:
        self._head.clear()
        name, size = struct.unpack_from("<4sI", head)
        if name in (b"RIFF", b"RF64"):
            self._decoder = None
        elif name == b"fmt ":
            self._decoder, self._rate = _read_format(head[8:])
        elif name == b"data":
            self._data_left = None if size == 0 or size >= _UNKNOWN_SIZE else size
            self._skip = size % 2 if self._data_left is not None else 0
        elif name.isascii() and name.decode().isprintable():
            self._skip = size + size % 2
        else:
            raise InvalidInput("the WAV stream has bytes that are no chunk", field="encoding")


def _read_format(body: bytes) -> tuple[PcmDecoder, int]:
    tag, channels, rate = struct.unpack_from("<HHI", body)
    bits = struct.unpack_from("<H", body, 14)[0]
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from("<H", body, 24)[0]
    form = _FORMS.get((tag, bits))
    if form is None:
        raise InvalidInput(
            f"WAV of format {tag} with {bits} bits cannot be streamed; send PCM, float, "
            "A-law or µ-law",
            field="encoding",
        )
    if not (1 <= channels <= MAX_CHANNELS and 1 <= rate <= MAX_RATE):
        raise InvalidInput(
            f"a WAV stream with {channels} channels at {rate} Hz is no audio", field="encoding"
        )
    return PcmDecoder(form, channels), rate
