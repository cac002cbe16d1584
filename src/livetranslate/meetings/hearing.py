"""Blocks of audio from the page: decoding, an unbroken clock, and the watch for silence."""

from __future__ import annotations

from base64 import b64decode

import msgspec

from livetranslate.domain.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from livetranslate.domain.errors import InvalidInput

BLOCK_SAMPLES = 2_560
BLOCK_S = BLOCK_SAMPLES / SAMPLE_RATE
BLOCK_BYTES = BLOCK_SAMPLES * BYTES_PER_SAMPLE
MOST_GAP = 200
"""Missing blocks that are made up for with silence; more is a page that counts nonsense."""
AUDIBLE = 0.003
"""Root mean square, of full scale, from which a channel carries sound."""


class Channel(msgspec.Struct, frozen=True):
    """A remote track in one block.

    Attributes:
        track: Its name in the page.
        level: Root mean square, of full scale.
        sources: RTP contributing sources of the last second, if the sender names any.
    """

    track: str
    level: float
    sources: tuple[str, ...] = ()


class Block(msgspec.Struct, frozen=True):
    """160 ms of a meeting.

    Attributes:
        seq: Number in its page, from 0.
        pcm: All tracks mixed, s16le mono 16 kHz.
        channels: Tracks that carry anything.
        speaking: Ids of the participants whom the page shows as speaking.
    """

    seq: int
    pcm: bytes
    channels: tuple[Channel, ...] = ()
    speaking: tuple[str, ...] = ()


class _Wire(msgspec.Struct):
    seq: int
    pcm: str
    channels: tuple[Channel, ...] = ()
    speaking: tuple[str, ...] = ()


def decode_block(text: str) -> Block:
    """Return a block as the page sends it; raises InvalidInput."""
    try:
        wire = msgspec.json.decode(text, type=_Wire)
        pcm = b64decode(wire.pcm, validate=True)
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidInput(f"a block of audio cannot be read: {error}") from error
    if len(pcm) != BLOCK_BYTES or wire.seq < 0:
        raise InvalidInput("a block of audio has the wrong length or number")
    return Block(wire.seq, pcm, wire.channels, wire.speaking)


class Unbroken:
    """Puts blocks on one clock: what is missing becomes silence, what comes twice is dropped.

    Attributes:
        missing: Blocks that never came.
    """

    def __init__(self) -> None:
        self._next = 0
        self.missing = 0

    def new_page(self) -> None:
        """Note that the next block comes from another page, which counts from 0."""
        self._next = 0

    def take(self, block: Block) -> tuple[Block, ...]:
        """Return the blocks to go on with, in order."""
        gap = block.seq - self._next
        if gap < 0:
            return ()
        self._next = block.seq + 1
        if gap > MOST_GAP:
            gap = 0
        self.missing += gap
        silence = bytes(BLOCK_BYTES)
        first = block.seq - gap
        return (*(Block(first + index, silence) for index in range(gap)), block)


class Deafness:
    """Watches for «others speak and nothing is heard». Pure: one call a block.

    Args:
        after_s: Seconds of speech on the page without sound before it counts.
    """

    def __init__(self, after_s: float = 5.0) -> None:
        self._after_s = after_s
        self._silent_s = 0.0
        self.deaf = False

    def take(self, block: Block) -> bool:
        """Take a block; return whether ``deaf`` changed."""
        before = self.deaf
        if any(one.level >= AUDIBLE for one in block.channels):
            self._silent_s, self.deaf = 0.0, False
        elif block.speaking:
            self._silent_s += BLOCK_S
            self.deaf = self._silent_s >= self._after_s
        return self.deaf is not before
