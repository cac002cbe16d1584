"""What goes out to connections: one event or message, encoded once for however many receive it."""

from __future__ import annotations

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

    __slots__ = ("_data", "_text", "event_id", "key", "message", "replaceable")

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
        self._text: str | None = None
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
    def text(self) -> str:
        """The message as JSON."""
        if self._text is None:
            self._text = wire.encode(self.message).decode()
        return self._text

    @property
    def event_text(self) -> str:
        """The message as JSON whose discriminator is ``event``, as the whisper service speaks."""
        return '{"event":' + self.text.removeprefix('{"type":')

    @property
    def data(self) -> dict[str, Any]:
        """The message as plain dictionaries and lists, for Socket.IO; not to be changed."""
        if self._data is None:
            self._data = msgspec.json.decode(self.text, type=dict[str, Any])
        return self._data


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
