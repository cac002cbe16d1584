"""Whole files and uploads of any kind to float32 mono 16 kHz, by FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
import av.error
import msgspec
import numpy as np
from av.container import InputContainer

from livetranslate.audio.mono import PacketDecoder
from livetranslate.audio.resample import NO_SAMPLES, RateConverter, Samples
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import InvalidInput, MessageTooLarge, NotFound

DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,gsm,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
)
"""FFmpeg demuxers that may read a file; none of them opens further files or addresses."""


class AudioLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a file may cost.

    Attributes:
        max_bytes: Size of the file.
        max_seconds: Decoded duration, counted while decoding and so true for any header.
        block_s: Length of the blocks that ``decode_blocks`` yields, in seconds.
    """

    max_bytes: int = 2 * 1024**3
    max_seconds: float = 8 * 3600.0
    block_s: float = 30.0


def decode_file(
    source: Path | bytes | BinaryIO, limits: AudioLimits | None = None, *, field: str = "audio"
) -> Samples:
    """Return a whole file as float32 mono 16 kHz, shape (n,); arguments as ``decode_blocks``."""
    blocks = list(decode_blocks(source, limits, field=field))
    return np.concatenate(blocks) if blocks else NO_SAMPLES


def decode_blocks(
    source: Path | bytes | BinaryIO, limits: AudioLimits | None = None, *, field: str = "audio"
) -> Iterator[Samples]:
    """Yield a file as float32 mono 16 kHz in blocks of ``block_s`` seconds, the last one shorter.

    The first audio stream counts. The file's own sample rate is honoured.

    Args:
        source: Path, content, or an open seekable binary file.
        limits: Bounds of size and duration.
        field: Input field that errors name.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is empty, no audio, or too long.
        MessageTooLarge: It has too many bytes.
    """
    limits = limits or AudioLimits()
    if not isinstance(source, Path):
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        yield from _blocks(file, limits, field)
        return
    if not source.is_file():
        raise NotFound(f"there is no file {source}", field=field)
    with source.open("rb") as file:
        yield from _blocks(file, limits, field)


def _blocks(file: BinaryIO, limits: AudioLimits, field: str) -> Iterator[Samples]:
    _check_size(file, limits, field)
    size = max(1, round(limits.block_s * SAMPLE_RATE))
    waiting: list[Samples] = []
    held = total = 0
    for samples in _samples(file, field):
        total += len(samples)
        if total > limits.max_seconds * SAMPLE_RATE:
            raise InvalidInput(
                f"the audio is longer than {limits.max_seconds:g} seconds", field=field
            )
        waiting.append(samples)
        held += len(samples)
        if held >= size:
            joined = np.concatenate(waiting)
            for start in range(0, held - held % size, size):
                yield joined[start : start + size]
            waiting = [joined[held - held % size :]]
            held %= size
    if held:
        yield np.concatenate(waiting)
    if not total:
        raise InvalidInput("the file's audio stream is empty", field=field)


def _check_size(file: BinaryIO, limits: AudioLimits, field: str) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size == 0:
        raise InvalidInput("the file is empty", field=field)
    if size > limits.max_bytes:
        raise MessageTooLarge(
            f"the file has {size} bytes; at most {limits.max_bytes} are taken", field=field
        )


def _samples(file: BinaryIO, field: str) -> Iterator[Samples]:
    """Yield the audio of a file at 16 kHz as it is decoded."""
    converter = RateConverter()
    try:
        with _open(file, field) as container:
            packets = PacketDecoder(field)
            for packet in container.demux(container.streams.audio[0]):
                for rate, samples in packets.feed(packet):
                    yield converter.feed(rate, samples)
            yield converter.flush()
    except (av.error.FFmpegError, EOFError) as error:
        raise InvalidInput(f"the audio cannot be decoded: {error}", field=field) from error


def _open(file: BinaryIO, field: str) -> InputContainer:
    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file,pipe"}
    try:
        container = av.open(file, mode="r", options=options, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError) as error:
        raise InvalidInput(
            "this is no audio or video file of a known format", field=field
        ) from error
    if not container.streams.audio:
        container.close()
        raise InvalidInput("the file has no audio stream", field=field)
    return container


def stated_seconds(path: Path) -> float | None:
    """Return the duration that a file's header states in seconds, or None; for progress only."""
    try:
        with path.open("rb") as file, _open(file, "audio") as container:
            return None if container.duration is None else container.duration / av.time_base
    except (OSError, InvalidInput):
        return None
