"""Where a client finds its server: one address, or those of several instances."""

from __future__ import annotations


class Addresses:
    """Several instances' addresses, taken in turn.

    Args:
        urls: ``ws://host:port/ws``, several separated by commas; http and https are understood.

    Attributes:
        all: The WebSocket addresses.
    """

    def __init__(self, urls: str) -> None:
        self.all = tuple(websocket_url(url.strip()) for url in urls.split(","))
        self._at = 0

    @property
    def present(self) -> str:
        """The address whose turn it is."""
        return self.all[self._at]

    def turn(self) -> None:
        """Go on to the next one."""
        self._at = (self._at + 1) % len(self.all)

    def __str__(self) -> str:
        """Return all of them, for messages."""
        return " or ".join(self.all)


def websocket_url(url: str) -> str:
    """Return a WebSocket address for one given as ws, wss, http or https."""
    for plain, socket in (("http://", "ws://"), ("https://", "wss://")):
        if url.startswith(plain):
            rest = url.removeprefix(plain)
            return socket + rest if "/" in rest.rstrip("/") else f"{socket}{rest.rstrip('/')}/ws"
    return url
