"""The wire messages as JSON schema, from which clients in other languages make their types.

``python -m livetranslate.domain.schema`` prints it; the web app's ``npm run types`` reads it.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import msgspec

from livetranslate.domain import messages
from livetranslate.domain.events import SessionEvent

UNIONS: dict[str, Any] = {
    "ClientMessage": messages.ClientMessage,
    "SessionEvent": SessionEvent,
    "ConnectionMessage": messages.ConnectionMessage,
}
"""Everything that crosses the native WebSocket, by the name its union gets in the schema."""


def wire_schema() -> dict[str, Any]:
    """Return a JSON schema (2020-12) with every message, and each union, under ``$defs``."""
    unions, components = msgspec.json.schema_components(
        UNIONS.values(), ref_template="#/$defs/{name}"
    )
    definitions = {**components, **dict(zip(UNIONS, unions, strict=True))}
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "LiveTranslate wire messages",
        "$defs": dict(sorted(definitions.items())),
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in UNIONS],
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(wire_schema()), indent=2))
    sys.stdout.buffer.write(b"\n")
