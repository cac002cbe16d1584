"""What goes out to connections: one event or message, encoded once for however many receive it."""

from __future__ import annotations

import struct
from collections.abc import Hashable
from typing import Any

import msgspec

from livetranslate.domain import wire
from livetranslate.domain.errors import LiveTranslateError, SequenceGap
from livetranslate.domain.events import SessionEvent, is_preview, preview_key
from livetranslate.domain.messages import ErrorMessage


class Frame:
    """An outgoing message; its encodings are made at the first use and then shared.

    Attributes:
        message: The event or message.
        event_id: Number of the event; 0 for messages that are no events.
        key: What an older frame is superseded by, or None.
        replaceable: Whether a later frame with the same key makes this one worthless.
    """

    __slots__ = (
        "_body",
        "_data",
        "_event_packet",
        "_packet",
        "event_id",
        "key",
        "message",
        "replaceable",
    )

    def __init__(
        self,
        message: msgspec.Struct,
        *,
        event_id: int = 0,
        key: Hashable = None,
        replaceable: bool = False,
    ) -> None:
        self.message = message
        self.event_id = event_id
        self.key = key
        self.replaceable = replaceable
        self._body: bytes | None = None
        self._packet: bytes | None = None
        self._event_packet: bytes | None = None
        self._data: dict[str, Any] | None = None

    @classmethod
    def of_event(cls, event: SessionEvent) -> Frame:
        """Return the frame of a session event; previews give way to newer ones of their segment."""
        key = preview_key(event)
        return cls(
            event,
            event_id=event.event_id,
            key=None if key is None else (event.session_id, *key),
            replaceable=is_preview(event),
        )

    @property
    def body(self) -> bytes:
        """The message as JSON in UTF-8."""
        if self._body is None:
            self._body = wire.encode(self.message)
        return self._body

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body)

    @property
    def packet(self) -> bytes:
        """The message as a WebSocket frame, ready for any number of connections."""
        if self._packet is None:
            self._packet = text_packet(self.body)
        return self._packet

    @property
    def event_packet(self) -> bytes:
        """The same with ``event`` for a discriminator, as the whisper service speaks."""
        if self._event_packet is None:
            named = b'{"event":' + self.body.removeprefix(b'{"type":')
            self._event_packet = text_packet(named)
        return self._event_packet

    @property
    def data(self) -> dict[str, Any]:
        """The message as plain dictionaries and lists, for Socket.IO; not to be changed."""
        if self._data is None:
            self._data = msgspec.json.decode(self.body, type=dict[str, Any])
        return self._data


def text_packet(payload: bytes) -> bytes:
    """Return an unmasked, whole text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 65536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


def error_message(
    error: LiveTranslateError, *, session_id: str | None = None, fatal: bool = False
) -> ErrorMessage:
    """Return the message that tells an error to a client."""
    return ErrorMessage(
        code=error.code,
        message=error.message,
        fatal=fatal,
        field=error.field,
        retry_after_s=error.retry_after_s,
        session_id=session_id,
        expected_seq=error.expected_seq if isinstance(error, SequenceGap) else None,
    )
