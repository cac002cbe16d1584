"""The native protocol's messages, one connection's: what each does, free of any socket."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any, ClassVar, cast

import structlog

from livetranslate.domain import wire
from livetranslate.domain.errors import (
    Conflict,
    InternalError,
    InvalidInput,
    LiveTranslateError,
    Unauthorized,
)
from livetranslate.domain.messages import (
    AudioMessage,
    Authenticate,
    ClientMessage,
    EndSession,
    Heartbeat,
    JoinSession,
    LeaveSession,
    ResumeSession,
    StartSession,
    Subscribe,
    Unsubscribe,
    UpdateSession,
)
from livetranslate.services.realtime.client import SessionClient
from livetranslate.services.realtime.credentials import check_key
from livetranslate.services.realtime.frames import error_message
from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.services.realtime.socket import CloseCode, Goodbye
from livetranslate.services.realtime.subscriptions import Subscriptions

_log = structlog.get_logger(__name__)


class NativeState(str, Enum):
    """States of a native connection."""

    AUTHENTICATING = "authenticating"
    OPEN = "open"
    CLOSED = "closed"

    def to(self, new: NativeState) -> NativeState:
        """Return ``new`` if it may follow this state; raises Conflict otherwise."""
        if new not in _TRANSITIONS[self]:
            raise Conflict(f"a connection that is {self.value} cannot become {new.value}")
        return new


_TRANSITIONS: dict[NativeState, frozenset[NativeState]] = {
    NativeState.AUTHENTICATING: frozenset({NativeState.OPEN, NativeState.CLOSED}),
    NativeState.OPEN: frozenset({NativeState.CLOSED}),
    NativeState.CLOSED: frozenset({NativeState.CLOSED}),
}


class NativeProtocol:
    """Takes one connection's frames, in order; replies go through the client's outbox.

    Args:
        client: Its sessions.
        subscriptions: News of services.
        options: Limits and keys.
        kind: What kind of sessions it opens.
        deadline: Ends a connection that has to send credentials first; None for one that has not.

    Attributes:
        state: Where the connection stands.
    """

    __slots__ = ("_client", "_deadline", "_kind", "_options", "_subscriptions", "state")

    def __init__(
        self,
        client: SessionClient,
        subscriptions: Subscriptions,
        options: EdgeOptions,
        *,
        kind: str,
        deadline: asyncio.TimerHandle | None = None,
    ) -> None:
        self._client = client
        self._subscriptions = subscriptions
        self._options = options
        self._kind = kind
        self._deadline = deadline
        self.state = NativeState.OPEN if deadline is None else NativeState.AUTHENTICATING

    async def take(self, data: str | bytes) -> None:
        """Take a frame; a binary one is the next chunk of the fed session.

        Raises Goodbye when the connection must be closed for it.
        """
        message: ClientMessage | None = None
        session_id = None
        try:
            if isinstance(data, str):
                message = wire.decode_client_message(data)
                if self.state is NativeState.AUTHENTICATING:
                    self._only_credentials(message)
                await self.HANDLERS[type(message)](self, message)
            else:
                if self.state is NativeState.AUTHENTICATING:
                    self._only_credentials(None)
                session_id = self._client.connection.feeds
                await self._chunk(session_id, data, None)
        except Unauthorized as error:
            raise Goodbye(CloseCode.UNAUTHORIZED, error_message(error, fatal=True)) from error
        except LiveTranslateError as error:
            self._client.send_error(error, session_id=self._session_of(message) or session_id)
        except Exception:  # noqa: BLE001 - a fault of ours must not end the connection
            session_id = self._session_of(message) or session_id
            _log.exception("message_failed", session_id=session_id)
            failed = InternalError("this message failed on the server; the others go on")
            self._client.send_error(failed, session_id=session_id)
        if self._client.activity_due:
            await self._client.activity()

    async def close(self) -> None:
        """Leave every session and subscription."""
        self.state = self.state.to(NativeState.CLOSED)
        self._cancel_deadline()
        self._subscriptions.drop(self._client.outbox)
        await self._client.close()

    def _only_credentials(self, message: ClientMessage | None) -> None:
        if not isinstance(message, Authenticate):
            raise Unauthorized("authenticate first", field="api_key")

    async def _authenticate(self, message: Authenticate) -> None:
        if self.state is NativeState.OPEN:
            return
        check_key(self._options, message.api_key)
        self.state = self.state.to(NativeState.OPEN)
        self._cancel_deadline()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    async def _start(self, message: StartSession) -> None:
        self._only_feed(None)
        await self._client.start(message.session_id, message.config, kind=self._kind)

    async def _join(self, message: JoinSession) -> None:
        await self._client.join(message.session_id, history=message.history)

    async def _leave(self, message: LeaveSession) -> None:
        await self._client.leave(message.session_id)

    async def _resume(self, message: ResumeSession) -> None:
        self._only_feed(message.session_id)
        await self._client.resume(message.session_id, last_event_id=message.last_event_id)

    async def _audio(self, message: AudioMessage) -> None:
        try:
            data = base64.b64decode(message.audio, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidInput(f"audio is not base64: {error}", field="audio") from error
        session_id = message.session_id or self._client.connection.feeds
        await self._chunk(session_id, data, message.seq)

    async def _update(self, message: UpdateSession) -> None:
        await self._client.update(message.session_id, message.config)

    async def _end(self, message: EndSession) -> None:
        await self._client.end(message.session_id)

    async def _subscribe(self, message: Subscribe) -> None:
        self._subscriptions.add(message.service, self._client.outbox)

    async def _unsubscribe(self, message: Unsubscribe) -> None:
        self._subscriptions.remove(message.service, self._client.outbox)

    async def _heartbeat(self, message: Heartbeat) -> None:
        del message
        self._client.send(Heartbeat(timestamp=datetime.now(UTC).isoformat()))

    async def _chunk(self, session_id: str | None, data: bytes, seq: int | None) -> None:
        if session_id is None:
            raise InvalidInput(
                "this connection feeds no session; send start_session or resume_session before "
                "audio",
                field="session_id",
            )
        if seq is not None and seq < 0:
            raise InvalidInput("seq counts from 0", field="seq")
        await self._client.audio(session_id, data, seq)

    def _only_feed(self, session_id: str | None) -> None:
        """Raise Conflict if this connection feeds another session: binary frames name none."""
        present = self._client.connection.feeds
        if present is not None and present != session_id:
            raise Conflict(
                f"this connection feeds {present}; end_session it first", field="session_id"
            )

    def _session_of(self, message: ClientMessage | None) -> str | None:
        """Return the session a message is about, if it is about one."""
        if isinstance(message, AudioMessage) and message.session_id is None:
            return self._client.connection.feeds
        return cast("str | None", getattr(message, "session_id", None))

    HANDLERS: ClassVar[dict[type[Any], Callable[[NativeProtocol, Any], Awaitable[None]]]] = {
        Authenticate: _authenticate,
        StartSession: _start,
        JoinSession: _join,
        LeaveSession: _leave,
        AudioMessage: _audio,
        UpdateSession: _update,
        ResumeSession: _resume,
        EndSession: _end,
        Subscribe: _subscribe,
        Unsubscribe: _unsubscribe,
        Heartbeat: _heartbeat,
    }
