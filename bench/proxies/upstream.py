"""A service that answers every request with the same small JSON, as fast as can be."""

from __future__ import annotations

import asyncio
from typing import cast

import uvloop

from bench.crowds.pipes import serve_commands
from bench.proxies.pinning import pin

ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n"
    b'{"status":"healthy","n":12}'
)


class Service(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request whose head has come."""
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        if heads:
            self._transport.write(ANSWER * len(heads))


async def main() -> None:
    """Serve on a free port."""
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", 0)
    await serve_commands(pin, port=server.sockets[0].getsockname()[1])


if __name__ == "__main__":
    uvloop.run(main())
