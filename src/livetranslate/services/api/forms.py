"""Multipart bodies, bounded while they are read."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.types import Message

from livetranslate.domain.errors import InvalidInput, MessageTooLarge

FORM_OVERHEAD = 64 * 1024
"""Bytes that a body may have beside its file."""


class Form:
    """The fields of a multipart body."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    async def file(self, *names: str) -> bytes:
        """Return the file under the first of these names that is there; raises InvalidInput."""
        for name in names:
            found = self._data.get(name)
            if isinstance(found, UploadFile):
                return await found.read()
        raise InvalidInput(f"a file is needed in the field {names[0]}", field=names[0])

    def text(self, name: str) -> str | None:
        """Return a field's text, or None if it is absent or empty."""
        found = self._data.get(name)
        return found or None if isinstance(found, str) else None

    def flag(self, name: str, default: bool) -> bool:
        """Return a yes-or-no field; raises InvalidInput."""
        found = self.text(name)
        if found is None:
            return default
        if found.lower() not in {"true", "false", "1", "0", "yes", "no"}:
            raise InvalidInput(f"{name} is true or false", field=name)
        return found.lower() in {"true", "1", "yes"}

    def json(self, name: str) -> dict[str, Any]:
        """Return a field that holds a JSON object; an empty one if it is absent."""
        found = self.text(name)
        if found is None:
            return {}
        try:
            return msgspec.json.decode(found, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise InvalidInput(f"{name} is not a JSON object: {error}", field=name) from error

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list: a JSON array, words between commas, or a field given several times."""
        parts = [part for part in self._data.getlist(name) if isinstance(part, str)]
        if len(parts) == 1 and parts[0].lstrip().startswith("["):
            try:
                return msgspec.json.decode(parts[0], type=tuple[str, ...])
            except msgspec.DecodeError as error:
                raise InvalidInput(f"{name} is not a list of texts: {error}", field=name) from error
        return tuple(word.strip() for part in parts for word in part.split(",") if word.strip())


async def read_form(request: Request, max_bytes: int, *, field: str) -> Form:
    """Return the multipart body of a request.

    Args:
        request: Whose body was not read yet.
        max_bytes: Largest file.
        field: The file's field, for the error.

    Raises:
        MessageTooLarge: The body is larger; told as soon as it is known.
        InvalidInput: It is no multipart body.
    """
    limit = max_bytes + FORM_OVERHEAD
    too_large = MessageTooLarge(f"the file exceeds the limit of {max_bytes} bytes", field=field)
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidInput("send multipart/form-data with a file", field=field)
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise too_large
        return message

    return Form(await Request(request.scope, bounded).form(max_files=4, max_fields=64))


def multipart(required: dict[str, str], optional: dict[str, str]) -> dict[str, Any]:
    """Return the OpenAPI description of a multipart body; the first required field is the file."""
    file, *others = required
    properties: dict[str, Any] = {
        file: {"type": "string", "format": "binary", "description": required[file]}
    }
    for name, text in {**{name: required[name] for name in others}, **optional}.items():
        properties[name] = {"type": "string", "description": text}
    schema = {"type": "object", "required": list(required), "properties": properties}
    return {"requestBody": {"content": {"multipart/form-data": {"schema": schema}}}}
