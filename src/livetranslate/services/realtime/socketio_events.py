"""Socket.IO at ``/socket.io`` on port 3000, as existing browser clients speak it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

import livetranslate
from livetranslate.domain import wire
from livetranslate.domain.errors import InvalidInput, LiveTranslateError
from livetranslate.domain.events import TranslationResult
from livetranslate.domain.messages import Connected, ErrorMessage, Subscribe, Unsubscribe
from livetranslate.services.realtime.connections import Protocol
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.frames import Frame, error_message
from livetranslate.services.realtime.socketio_edge import SocketIoClient, SocketIoEdge
from livetranslate.services.realtime.subscriptions import Subscriptions
from livetranslate.translation.base import TranslationRequest, Translator

Request = Callable[[str | None], Awaitable[dict[str, Any]]]
"""Answers an action of ``service_request`` for a target service, or for all."""


class TranslationStream(msgspec.Struct, frozen=True, kw_only=True):
    """``translation_stream``: one text to translate."""

    text: str
    target_lang: str
    source_lang: str = "auto"


class OrchestrationEvents:
    """What the events of browser clients do.

    Args:
        edge: Sessions, hub, connections.
        subscriptions: News of services.
        translator: For ``translation_stream``.
        requests: Actions of ``service_request`` by name.
    """

    def __init__(
        self,
        edge: Edge,
        subscriptions: Subscriptions,
        translator: Translator,
        requests: Mapping[str, Request],
    ) -> None:
        self._edge = edge
        self._subscriptions = subscriptions
        self._translator = translator
        self._requests = requests

    def server(self) -> SocketIoEdge:
        """Return the Socket.IO server."""
        return SocketIoEdge(
            self._edge,
            Protocol.SOCKET_IO,
            {
                "subscribe": self._subscribe,
                "unsubscribe": self._unsubscribe,
                "service_message": self._service_message,
                "transcription_stream": self._transcription,
                "speaker_stream": self._speakers,
                "translation_stream": self._translation,
            },
            on_connect=self._greet,
            on_leave=lambda client: self._subscriptions.drop(client.outbox),
        )

    def _greet(self, client: SocketIoClient) -> None:
        client.loose.client.send(
            Connected(
                connection_id=client.connection.connection_id,
                server_version=livetranslate.__version__,
                limits=self._edge.limits,
            )
        )

    async def _subscribe(self, client: SocketIoClient, data: dict[str, Any]) -> None:
        message = wire.convert({**data, "type": "subscribe"}, Subscribe)
        self._subscriptions.add(message.service, client.outbox)

    async def _unsubscribe(self, client: SocketIoClient, data: dict[str, Any]) -> None:
        message = wire.convert({**data, "type": "unsubscribe"}, Unsubscribe)
        self._subscriptions.remove(message.service, client.outbox)

    async def _service_message(self, client: SocketIoClient, data: dict[str, Any]) -> None:
        """Answer with ``service_response``, a refusal too where a ``request_id`` waits for it."""
        asked = wire.convert(data, ServiceMessage)
        try:
            answer = await self._answer(client, asked.type, data)
        except LiveTranslateError as error:
            if asked.request_id is not None:
                told = error_message(error)
                refusal = ServiceResponse(
                    request_id=asked.request_id, kind=asked.type, data={}, error=told
                )
                client.outbox.put(Frame(refusal))
            raise
        response = ServiceResponse(request_id=asked.request_id, kind=asked.type, data=answer)
        client.outbox.put(Frame(response))

    async def _answer(
        self, client: SocketIoClient, kind: str | None, data: dict[str, Any]
    ) -> dict[str, Any]:
        if kind == "heartbeat":
            return {"timestamp": datetime.now(UTC).isoformat()}
        if kind == "service_request":
            return await self._request(data)
        if kind == "join_session":
            state = await client.loose.join(data)
            return {"session_id": state.session_id, "next_seq": state.next_seq}
        if kind == "leave_session":
            await client.loose.leave(data)
            return {"session_id": data.get("session_id")}
        raise InvalidInput(
            "type is heartbeat, service_request, join_session or leave_session", field="type"
        )

    async def _request(self, data: dict[str, Any]) -> dict[str, Any]:
        action, target = data.get("action"), data.get("target_service")
        request = self._requests.get(action) if isinstance(action, str) else None
        if request is None:
            raise InvalidInput(f"action is one of {', '.join(self._requests)}", field="action")
        if target is not None and not isinstance(target, str):
            raise InvalidInput("target_service is a text", field="target_service")
        return await request(target)

    async def _transcription(self, client: SocketIoClient, data: dict[str, Any]) -> dict[str, Any]:
        appended = await client.loose.audio(data)
        return {"seq": appended.seq, "buffered_s": appended.buffered_s}

    async def _speakers(self, client: SocketIoClient, data: dict[str, Any]) -> dict[str, Any]:
        """Take audio of a session that is opened, if it must be, with speakers told apart."""
        config: dict[str, Any] = {"diarization": True}
        config.update(data.get("config") or {})
        return await self._transcription(client, {**data, "config": config})

    async def _translation(self, client: SocketIoClient, data: dict[str, Any]) -> None:
        asked = wire.convert(data, TranslationStream)
        (done,) = await self._translator.translate(
            TranslationRequest(
                texts=(asked.text,),
                source_language=asked.source_lang,
                target_language=asked.target_lang,
            )
        )
        connection = client.connection
        client.outbox.put(
            Frame(
                TranslationResult(
                    session_id=connection.feeds or connection.connection_id,
                    timestamp=datetime.now(UTC),
                    segment_id="text",
                    translated_text=done.translated_text,
                    source_language=done.source_language,
                    target_language=done.target_language,
                    confidence=done.confidence,
                    is_final=True,
                    engine=done.engine,
                )
            )
        )


class ServiceMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a ``service_message`` that all its types share."""

    type: str | None = None
    request_id: str | int | None = None


class ServiceResponse(msgspec.Struct, frozen=True, kw_only=True, tag="service_response"):
    """Answer to a ``service_message``; ``error`` says why there is no other."""

    request_id: str | int | None
    kind: str | None
    data: dict[str, Any]
    error: ErrorMessage | msgspec.UnsetType = msgspec.UNSET
