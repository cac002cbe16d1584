"""The native WebSocket at ``/ws``: the socket's side of the native protocol."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket

import livetranslate
from livetranslate.domain.errors import Unauthorized
from livetranslate.domain.messages import Connected
from livetranslate.services.realtime.client import SessionClient
from livetranslate.services.realtime.connections import Protocol
from livetranslate.services.realtime.credentials import check_key, header_key
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.frames import error_message
from livetranslate.services.realtime.native import NativeProtocol
from livetranslate.services.realtime.socket import CloseCode, Goodbye, Wire, admit
from livetranslate.services.realtime.subscriptions import Subscriptions


async def serve_native(edge: Edge, subscriptions: Subscriptions, socket: WebSocket) -> None:
    """Serve one connection of the native protocol until it ends."""
    wire = await admit(edge, socket, Protocol.WEBSOCKET)
    if wire is None:
        return
    key = header_key(socket.headers)
    try:
        if key is not None:
            check_key(edge.options, key)
    except Unauthorized as error:
        wire.end(Goodbye(CloseCode.UNAUTHORIZED, error_message(error, fatal=True)))
    client = SessionClient(edge, wire.connection, wire.outbox)
    native = NativeProtocol(
        client,
        subscriptions,
        edge.options,
        authenticated=key is not None or not edge.options.api_keys,
        kind="browser" if "origin" in socket.headers else "api",
    )
    client.send(
        Connected(
            connection_id=wire.connection.connection_id,
            server_version=livetranslate.__version__,
            limits=edge.limits,
        )
    )
    try:
        await wire.run(
            asyncio.create_task(_read(wire, native, client)),
            *_deadline(edge.options.authenticate_s, native),
        )
    finally:
        edge.connections.remove(wire.connection)
        await native.close()


def _deadline(authenticate_s: float, native: NativeProtocol) -> list[asyncio.Task[None]]:
    if native.opened.is_set():
        return []
    return [asyncio.create_task(_await_credentials(authenticate_s, native))]


async def _await_credentials(authenticate_s: float, native: NativeProtocol) -> None:
    try:
        async with asyncio.timeout(authenticate_s):
            await native.opened.wait()
    except TimeoutError:
        error = Unauthorized("no credentials came in time", field="api_key")
        raise Goodbye(CloseCode.UNAUTHORIZED, error_message(error, fatal=True)) from None
    await asyncio.Event().wait()


async def _read(wire: Wire, native: NativeProtocol, client: SessionClient) -> None:
    while True:
        data = await wire.receive()
        try:
            if isinstance(data, str):
                await native.text(data)
            else:
                await native.binary(data)
        except Unauthorized as error:
            raise Goodbye(CloseCode.UNAUTHORIZED, error_message(error, fatal=True)) from error
        await client.activity()
