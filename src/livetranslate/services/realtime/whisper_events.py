"""The whisper service's live protocols: Socket.IO, and a plain WebSocket told by ``event``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
import structlog
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from livetranslate.domain.errors import (
    InternalError,
    InvalidInput,
    LiveTranslateError,
    Unauthorized,
)
from livetranslate.domain.speakers import SpeakerEvidence
from livetranslate.domain.wire import convert
from livetranslate.services.realtime.client import SessionClient
from livetranslate.services.realtime.connections import Protocol
from livetranslate.services.realtime.credentials import check_key, header_key
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.frames import error_message
from livetranslate.services.realtime.loose import LooseClient
from livetranslate.services.realtime.socket import CloseCode, Goodbye, admit
from livetranslate.services.realtime.socketio_edge import SocketIoClient, SocketIoEdge

Action = Callable[[LooseClient, dict[str, Any]], Awaitable[dict[str, Any]]]

_log = structlog.get_logger(__name__)


async def _join(loose: LooseClient, data: dict[str, Any]) -> dict[str, Any]:
    state = await loose.join(data)
    return {
        "session_id": state.session_id,
        "next_seq": state.next_seq,
        "event_id": state.last_event_id,
        "ending": state.ending,
        "ended": state.ended,
    }


async def _audio(loose: LooseClient, data: dict[str, Any]) -> dict[str, Any]:
    appended = await loose.audio(data)
    return {"seq": appended.seq, "buffered_s": appended.buffered_s}


async def _update(loose: LooseClient, data: dict[str, Any]) -> dict[str, Any]:
    await loose.update(data)
    return {"ok": True}


async def _end(loose: LooseClient, data: dict[str, Any]) -> dict[str, Any]:
    await loose.end(data)
    return {"ok": True}


async def _leave(loose: LooseClient, data: dict[str, Any]) -> dict[str, Any]:
    await loose.leave(data)
    return {"ok": True}


async def _evidence(loose: LooseClient, message: dict[str, Any]) -> dict[str, Any]:
    evidence = convert(message.get("evidence"), SpeakerEvidence, field="evidence")
    session_id = loose.session_id(message)
    await loose.client.add_evidence(session_id, evidence)
    return {"ok": True}


ACTIONS: dict[str, Action] = {
    "join_session": _join,
    "transcribe_stream": _audio,
    "update_session": _update,
    "speaker_evidence": _evidence,
    "end_session": _end,
    "leave_session": _leave,
}
"""What the events of the whisper service do, and what they answer to one who asks."""


def whisper_socketio(edge: Edge) -> SocketIoEdge:
    """Return the Socket.IO server of port 5001."""

    def handler(action: Action) -> Callable[..., Awaitable[dict[str, Any] | None]]:
        async def take(client: SocketIoClient, data: dict[str, Any]) -> dict[str, Any]:
            return await action(client.loose, data)

        return take

    handlers = {event: handler(action) for event, action in ACTIONS.items()}
    return SocketIoEdge(edge, Protocol.WHISPER_SOCKET_IO, handlers)


class WhisperSocket:
    """The ASGI application of port 5001's ``/ws``: serves each connection until it ends."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        edge = self._edge
        wire = await admit(edge, scope, receive, send, Protocol.WHISPER_WEBSOCKET)
        if wire is None:
            return
        client = SessionClient(edge, wire.connection, wire.outbox)
        limit = edge.options.max_message_bytes
        loose = LooseClient(client, edge.log, kind="api", max_audio_bytes=limit)
        try:
            check_key(edge.options, header_key(Headers(scope=scope)))
        except Unauthorized as error:
            wire.end(Goodbye(CloseCode.UNAUTHORIZED, error_message(error, fatal=True)))
        try:
            await wire.run(lambda data: _take(loose, data))
        finally:
            edge.connections.remove(wire.connection)
            await client.close()


async def _take(loose: LooseClient, data: str | bytes) -> None:
    session_id: str | None = None
    try:
        message = _parse(data)
        session_id = loose.session_id(message)
        await _action(message)(loose, message)
    except LiveTranslateError as error:
        loose.client.send_error(error, session_id=session_id)
    except Exception:  # noqa: BLE001 - a fault of ours must not end the connection
        _log.exception("message_failed", session_id=session_id)
        failed = InternalError("this message failed on the server; the others go on")
        loose.client.send_error(failed, session_id=session_id)
    if loose.client.activity_due:
        await loose.client.activity()


def _action(message: dict[str, Any]) -> Action:
    event = message.get("event")
    action = ACTIONS.get(event) if isinstance(event, str) else None
    if action is None:
        raise InvalidInput(f"event is one of {', '.join(ACTIONS)}", field="event")
    return action


def _parse(data: str | bytes) -> dict[str, Any]:
    """Return a message; a binary frame is audio of the session of this connection."""
    if isinstance(data, bytes):
        return {"event": "transcribe_stream", "audio_data": data}
    try:
        message: object = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"this is not a JSON message: {error}") from error
    if not isinstance(message, dict):
        raise InvalidInput("a message is a JSON object with event")
    return cast("dict[str, Any]", message)
