"""Errors of the platform as data, and back as the same types."""

from __future__ import annotations

import msgspec

from livetranslate.domain.errors import InternalError, LiveTranslateError, error_types


class ErrorData(msgspec.Struct, frozen=True, array_like=True):
    """What an error consists of.

    Attributes:
        code: Its type.
        message: For people.
        attributes: Everything else that it carries, such as ``field`` or ``expected_seq``.
    """

    code: str
    message: str
    attributes: dict[str, str | int | float | tuple[str, ...] | None]


def error_data(error: LiveTranslateError) -> ErrorData:
    """Take an error apart."""
    attributes = {name: value for name, value in vars(error).items() if name != "message"}
    return ErrorData(error.code, error.message, attributes)


def rebuilt(data: ErrorData) -> LiveTranslateError:
    """Put an error together again; one of an unknown code becomes an InternalError."""
    kind = error_types().get(data.code, InternalError)
    error = kind.__new__(kind)
    LiveTranslateError.__init__(error, data.message)
    for name, value in data.attributes.items():
        setattr(error, name, value)
    return error
