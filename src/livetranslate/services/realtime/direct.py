"""The door between a live WebSocket and the server that holds its transport.

ASGI's ``send`` frames a message anew for every connection and waits for each. Live connections are
told the same things by the thousand: the server (``services/protocols.py``) puts a ``DirectSocket``
into the scope's extensions, which takes finished frames and says when it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from starlette.types import Scope

from livetranslate.domain.errors import InternalError

EXTENSION = "livetranslate.direct"


class DirectSocket(Protocol):
    """The sending side of one WebSocket.

    Attributes:
        on_writable: Called when frames are taken again after they were not.
        last_words: Returns the frame that is sent before a message that is too large ends the
            connection.
    """

    on_writable: Callable[[], None] | None
    last_words: Callable[[], bytes] | None

    def write(self, packet: bytes) -> bool:
        """Send whole, unmasked frames; returns False, and sends nothing, while the peer lags."""
        ...

    async def until_writable(self) -> None:
        """Wait until frames are taken, or never will be."""
        ...

    def cut_off(self) -> None:
        """End the connection without waiting for the peer to read."""
        ...


def direct_socket(scope: Scope) -> DirectSocket:
    """Return the door of a WebSocket; raises InternalError under a server that has none."""
    found: DirectSocket | None = scope.get("extensions", {}).get(EXTENSION)
    if found is None:
        raise InternalError("live connections need the platform's own server")
    return found
