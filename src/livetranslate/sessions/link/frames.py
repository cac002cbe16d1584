"""Frames of the worker link: a length of four bytes, then MessagePack; and who sends them.

A connection carries any number of calls at once; a call's answer bears its number. ``Cancel`` takes
back a call whose caller waits no more; it is never answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

from livetranslate.sessions.errors import ErrorData

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""Longer frames end the connection; the longest honest one holds a full backlog of audio."""

_HEADER_BYTES = 4


class Request(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """A call: number, ``contract.method``, and the method's arguments as an array."""

    call_id: int
    method: str
    arguments: msgspec.Raw


class Answer(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """What a call returned."""

    call_id: int
    result: msgspec.Raw


class Failure(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """What a call raised."""

    call_id: int
    error: ErrorData


class Cancel(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The caller waits no more."""

    call_id: int


Frame = Request | Answer | Failure | Cancel

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


class FrameConnection(asyncio.Protocol):
    """One end of a connection.

    Frames written in one step of the event loop leave together. Backpressure: ``drained`` waits
    while the peer reads too slowly (high-water mark of the transport), and the peer is not read
    while ``pause`` is in force.

    Args:
        on_frame: Called with each frame that arrives; must not block.
        on_lost: Called once, when the connection is gone for whatever reason.
    """

    def __init__(
        self, on_frame: Callable[[Frame], None], on_lost: Callable[[Exception | None], None]
    ) -> None:
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._outgoing: list[bytes] = []
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand on every frame that is whole."""
        received = self._received
        received += data
        start = 0
        while len(received) - start >= _HEADER_BYTES:
            body = start + _HEADER_BYTES
            end = body + int.from_bytes(received[start:body], "big")
            if end - body > MAX_FRAME_BYTES:
                self.abort()
                return
            if len(received) < end:
                break
            try:
                # Decoded from a copy of its own, because raw parts refer to it for longer.
                frame = _decoder.decode(bytes(memoryview(received)[body:end]))
            except msgspec.DecodeError:
                self.abort()
                return
            start = end
            self._on_frame(frame)
        del received[:start]

    def pause_writing(self) -> None:
        """Let ``drained`` wait."""
        self._room.clear()

    def resume_writing(self) -> None:
        """Let ``drained`` return."""
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner."""
        self._transport = None
        self._room.set()
        self._on_lost(exc)

    def send(self, frame: Frame) -> None:
        """Queue a frame; it leaves with the others of this step of the loop."""
        if self._transport is None:
            return
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        body = _encoder.encode(frame)
        self._outgoing.append(len(body).to_bytes(_HEADER_BYTES, "big"))
        self._outgoing.append(body)

    async def drained(self) -> None:
        """Wait until the peer keeps up."""
        await self._room.wait()

    def pause(self) -> None:
        """Read nothing more for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close once everything is sent."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        if self._outgoing and self._transport is not None:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()
