"""The wire codec: domain data to and from JSON, and errors that name the field."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.events import SessionEvent, SpeakerUpdate
from livetranslate.domain.messages import ClientMessage

T = TypeVar("T")

_json_encoder = msgspec.json.Encoder()
_client_decoder = msgspec.json.Decoder(ClientMessage)
_event_decoder = msgspec.json.Decoder(SessionEvent)
_PATH = re.compile(r"`\$\.?([^`]*)`")
_FIELD = re.compile(r"required field `([^`]+)`")


def encode(message: msgspec.Struct) -> bytes:
    """Return a message or event as UTF-8 JSON, without what clients are not told."""
    if isinstance(message, SpeakerUpdate):
        message = msgspec.structs.replace(message, correlation=msgspec.UNSET)
    return _json_encoder.encode(message)


def decode_client_message(data: str | bytes) -> ClientMessage:
    """Return the client message in a text frame; raises InvalidInput naming the field."""
    try:
        return _client_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(error) from error


def decode_event(data: str | bytes) -> SessionEvent:
    """Return the session event in a JSON text; raises InvalidInput."""
    try:
        return _event_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(error) from error


def convert(value: Any, kind: type[T], *, field: str | None = None) -> T:
    """Return plain data (parsed JSON) as ``kind``; raises InvalidInput naming the field.

    Args:
        value: Dictionaries, lists and scalars.
        kind: Type to build.
        field: Name of the field that ``value`` came in, put before the inner path.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise invalid(error, field=field) from error


def invalid(error: Exception, *, field: str | None = None) -> InvalidInput:
    """Return an InvalidInput that names the field a msgspec error speaks of."""
    text = str(error)
    path = _PATH.search(text)
    missing = _FIELD.search(text)
    parts = [field, path.group(1) if path else None, missing.group(1) if missing else None]
    name = ".".join(part for part in parts if part) or None
    if not isinstance(error, msgspec.ValidationError):
        return InvalidInput(f"this is not a JSON message: {text}", field=name)
    reason = text.split(" - at ")[0]
    return InvalidInput(f"{name}: {reason}" if name else reason, field=name)
