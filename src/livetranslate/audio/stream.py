"""A session's wire audio, chunk by chunk, to 16 kHz mono s16le."""

from __future__ import annotations

from typing import Protocol

from livetranslate.audio.containers import ContainerSource, StreamLimits
from livetranslate.audio.pcm import Pcm, PcmDecoder
from livetranslate.audio.resample import RateConverter, Samples, to_s16le
from livetranslate.audio.wav import WavSource
from livetranslate.domain.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, Encoding
from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.session import SessionConfig

HEAD_BYTES = 12
"""Bytes at the start of a stream that are looked at before anything is decoded."""

_RAW = {Encoding.PCM_S16LE: Pcm.S16, Encoding.PCM_F32LE: Pcm.F32, Encoding.MULAW: Pcm.MULAW}


class _Source(Protocol):
    """Turns bytes into runs of (rate in Hz, mono samples)."""

    def feed(self, data: bytes) -> list[tuple[int, Samples]]: ...

    def finish(self) -> list[tuple[int, Samples]]: ...

    def close(self) -> None: ...


class StreamDecoder:
    """Decodes one session's audio; used by one thread at a time.

    Chunks may be cut anywhere, inside a sample too, and the cuts do not change the result. A
    container's own sample rate is honoured; ``sample_rate`` is that of the raw encodings. The
    compressed containers (MP3, WebM, Ogg, FLAC) decode in a thread that ``decode`` waits for, a
    few milliseconds a second of audio: call it off the event loop for them.

    A refused chunk of a raw encoding leaves the decoder as it was; a refused container stays
    refused.

    Args:
        encoding: Encoding of the wire.
        sample_rate: Hz of raw encodings, 8000-48000.
        limits: Bounds for compressed streams.
    """

    def __init__(
        self, encoding: Encoding, sample_rate: int, limits: StreamLimits | None = None
    ) -> None:
        self._encoding = encoding
        # Samples that come as they are kept need no conversion.
        self._plain = encoding is Encoding.PCM_S16LE and sample_rate == SAMPLE_RATE
        self._odd_byte = b""
        self._source = _source(encoding, sample_rate, limits or StreamLimits())
        self._converter = RateConverter()
        self._head: bytes | None = b""
        self._refused: InvalidInput | None = None
        self._flushed = False

    @classmethod
    def for_config(cls, config: SessionConfig) -> StreamDecoder:
        """Return a decoder for a session's audio."""
        return cls(config.encoding, config.sample_rate)

    def decode(self, data: bytes) -> bytes:
        """Return s16le mono 16 kHz of the next bytes; maybe nothing yet.

        Raises:
            InvalidInput: The bytes are not of the declared encoding; names ``encoding``.
        """
        if self._flushed:
            raise InvalidInput("the audio stream has ended", field="encoding")
        if self._head is None:
            return self._decoded(data)
        head = self._head + data
        if len(head) < HEAD_BYTES:
            self._head = head
            return b""
        check_head(self._encoding, head[:HEAD_BYTES])
        pcm = self._decoded(head)
        self._head = None
        return pcm

    def flush(self) -> bytes:
        """End the stream and return its last samples; an incomplete sample is left out.

        Raises:
            InvalidInput: The stream was a container that never came to its first sample.
        """
        if self._flushed:
            return b""
        self._flushed = True
        if self._head == b"" and self._refused is None:
            self._source.close()
            return b""
        pcm = self._decoded(self._head or b"")
        pcm += self._convert(self._source.finish())
        return pcm + to_s16le(self._converter.flush())

    def close(self) -> None:
        """Free what the decoder holds, without flushing."""
        self._flushed = True
        self._source.close()

    def _decoded(self, data: bytes) -> bytes:
        if not self._plain:
            return self._convert(self._feed(data))
        whole = self._odd_byte + data if self._odd_byte else data
        odd = len(whole) % BYTES_PER_SAMPLE
        self._odd_byte = whole[len(whole) - odd :]
        return whole[: len(whole) - odd]

    def _feed(self, data: bytes) -> list[tuple[int, Samples]]:
        if self._refused is not None:
            raise self._refused
        try:
            return self._source.feed(data)
        except InvalidInput as error:
            if self._encoding.is_container:
                self._refused = error
                self._source.close()
            raise

    def _convert(self, runs: list[tuple[int, Samples]]) -> bytes:
        return b"".join(to_s16le(self._converter.feed(rate, samples)) for rate, samples in runs)


class _RawSource:
    """Raw samples of a declared rate."""

    def __init__(self, form: Pcm, rate: int) -> None:
        self._decoder = PcmDecoder(form)
        self._rate = rate

    def feed(self, data: bytes) -> list[tuple[int, Samples]]:
        return [(self._rate, self._decoder.feed(data))]

    def finish(self) -> list[tuple[int, Samples]]:
        return []

    def close(self) -> None:
        return


def _source(encoding: Encoding, sample_rate: int, limits: StreamLimits) -> _Source:
    if encoding in _RAW:
        return _RawSource(_RAW[encoding], sample_rate)
    if encoding is Encoding.WAV:
        return WavSource()
    return ContainerSource(encoding, limits)


def sniff(head: bytes) -> str | None:
    """Return the container that a stream's first 12 bytes announce, by name, or None."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "mp4"
    for magic, name in (
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
        (b"\x1aE\xdf\xa3", "webm"),
        (b"ID3\x02", "mp3"),
        (b"ID3\x03", "mp3"),
        (b"ID3\x04", "mp3"),
    ):
        if head.startswith(magic):
            return name
    return None


def check_head(encoding: Encoding, head: bytes) -> None:
    """Raise InvalidInput if a stream's first bytes belie its declared encoding."""
    found = sniff(head)
    if found == encoding.value:
        return
    if found is None and (not encoding.is_container or encoding is Encoding.MP3):
        return
    looks = f"it looks like {found}" if found else "it has not the right beginning"
    raise InvalidInput(f"the audio is declared as {encoding.value}, but {looks}", field="encoding")
