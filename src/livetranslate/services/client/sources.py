"""Where a client's audio comes from: files, pipes, the microphone; cut into chunks and paced.

All chunks are s16le mono 16 kHz of ``CHUNK_S`` seconds, the last one shorter.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from livetranslate.audio.files import decode_blocks
from livetranslate.audio.resample import to_s16le
from livetranslate.audio.stream import HEAD_BYTES, StreamDecoder, sniff
from livetranslate.domain.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, Encoding
from livetranslate.domain.errors import InvalidInput

CHUNK_S = 0.1
CHUNK_BYTES = round(CHUNK_S * SAMPLE_RATE) * BYTES_PER_SAMPLE
_READ_BYTES = 4096
_AHEAD = 64


def file_chunks(path: Path) -> Iterator[bytes]:
    """Yield the chunks of an audio or video file; blocks; raises as ``decode_blocks``."""
    return rechunk(to_s16le(block) for block in decode_blocks(path))


def pipe_chunks(pipe: BinaryIO, sample_rate: int) -> Iterator[bytes]:
    """Yield the chunks of a pipe as they come; blocks.

    A container is known by its first bytes (WAV, MP3 with a tag, WebM, Ogg, FLAC); everything else
    is PCM s16le mono of ``sample_rate``. A pipe that is no live source should be read at once.

    Raises:
        InvalidInput: The bytes cannot be decoded, or are of a kind that no pipe can carry.
    """
    return rechunk(_decoded(pipe, sample_rate))


def _decoded(pipe: BinaryIO, sample_rate: int) -> Iterator[bytes]:
    head = pipe.read(HEAD_BYTES)
    kind = sniff(head)
    if kind == "mp4":
        raise InvalidInput("MP4 cannot be read from a pipe; give the file's name", field="file")
    decoder = StreamDecoder(Encoding(kind) if kind else Encoding.PCM_S16LE, sample_rate)
    data = head
    while data:
        yield decoder.decode(data)
        data = _read_some(pipe)
    yield decoder.flush()


def _read_some(pipe: BinaryIO) -> bytes:
    """Return what a pipe has, without waiting for a full block where it can tell."""
    read1: Callable[[int], bytes] | None = getattr(pipe, "read1", None)
    return read1(_READ_BYTES) if read1 is not None else pipe.read(_READ_BYTES)


def rechunk(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces of any length as chunks of ``CHUNK_BYTES``."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


async def in_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Iterate over blocking chunks in a thread of their own, at most a few seconds ahead.

    The thread is a daemon: a pipe or microphone that says nothing more holds nobody up.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue(_AHEAD)

    def hand_over(item: bytes | BaseException | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def work() -> None:
        try:
            for chunk in chunks:
                hand_over(chunk)
            hand_over(None)
        except RuntimeError:
            return  # the loop is closed, nobody listens any more
        except Exception as error:  # noqa: BLE001 - raised again by the one who iterates
            hand_over(error)

    threading.Thread(target=work, name="audio-source", daemon=True).start()
    while (item := await queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item


async def paced(
    chunks: AsyncIterator[bytes],
    speed: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[bytes]:
    """Yield each chunk when its last sample would have been spoken.

    Args:
        chunks: s16le mono 16 kHz.
        speed: 1 for real time, 2 for twice as fast.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
    """
    begin = clock()
    spoken_s = 0.0
    async for chunk in chunks:
        spoken_s += len(chunk) / BYTES_PER_SAMPLE / SAMPLE_RATE
        wait_s = begin + spoken_s / speed - clock()
        if wait_s > 0:
            await sleep(wait_s)
        yield chunk
