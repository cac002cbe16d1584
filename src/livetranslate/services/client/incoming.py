"""What a server says on ``/ws``, decoded."""

from __future__ import annotations

import msgspec

from livetranslate.domain.errors import (
    BackendUnavailable,
    InvalidInput,
    LiveTranslateError,
    SequenceGap,
    error_types,
)
from livetranslate.domain.events import SessionEvent
from livetranslate.domain.messages import ConnectionMessage, ErrorMessage
from livetranslate.domain.wire import decode_event

ServerMessage = ConnectionMessage | SessionEvent

_connection_decoder = msgspec.json.Decoder(ConnectionMessage)


class _Envelope(msgspec.Struct):
    type: str
    event_id: int | None = None


_envelope_decoder = msgspec.json.Decoder(_Envelope)
_CONNECTION_TYPES = frozenset(
    {
        "connected",
        "session_joined",
        "session_left",
        "session_resumed",
        "audio_ack",
        "slow_down",
        "subscribed",
        "unsubscribed",
        "service_event",
        "heartbeat",
    }
)


def decode_server_message(data: str | bytes) -> ServerMessage | None:
    """Return a message of the connection or an event of a session; None for an unknown type.

    An ``error`` with an ``event_id`` is an event, without one it concerns the connection.

    Raises:
        BackendUnavailable: This is not our protocol.
    """
    try:
        envelope = _envelope_decoder.decode(data)
        if envelope.type in _CONNECTION_TYPES or (
            envelope.type == "error" and envelope.event_id is None
        ):
            return _connection_decoder.decode(data)
        return decode_event(data)
    except msgspec.ValidationError as error:
        raise BackendUnavailable(f"the server sent what is no message: {error}") from error
    except InvalidInput as error:
        if "Invalid value" in error.message:
            return None  # a type that a newer server has
        raise BackendUnavailable(f"the server sent what is no message: {error}") from error
    except msgspec.DecodeError as error:
        raise BackendUnavailable(f"the server does not speak JSON: {error}") from error


def to_error(message: ErrorMessage) -> LiveTranslateError:
    """Return the error of our tree that a message carries."""
    kind = error_types().get(message.code, LiveTranslateError)
    if issubclass(kind, SequenceGap):
        kind = InvalidInput
    error = kind(message.message, field=message.field)
    error.retry_after_s = message.retry_after_s
    return error
