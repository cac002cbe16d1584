"""The older vocabulary of clients that stream without ceremony, on Socket.IO and on port 5001.

A client may send audio for a session that nobody opened: it is opened then, under the connection's
id if the client names none. Opening a session that exists joins it, and feeds it if nobody does.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, cast

import msgspec

from livetranslate.domain import wire
from livetranslate.domain.errors import InvalidInput, MessageTooLarge, NotFound
from livetranslate.domain.session import ConfigUpdate, SessionConfig, check_session_id
from livetranslate.services.realtime.client import SessionClient
from livetranslate.sessions.log.base import Appended, SessionLog, SessionState


class JoinRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``join_session``.

    Attributes:
        session_id: The session; None takes the connection's id.
        config: For a session that has to be opened.
        resume: Take the feeding over from whoever has it.
        last_event_id: Newest event the client has of a session that exists.
    """

    session_id: str | None = None
    config: SessionConfig = SessionConfig()
    resume: bool = False
    last_event_id: int = 0


class LooseClient:
    """One client's sessions in the older vocabulary."""

    def __init__(
        self,
        client: SessionClient,
        log: SessionLog,
        *,
        kind: str,
        max_audio_bytes: int,
    ) -> None:
        self.client = client
        self._log = log
        self._kind = kind
        self._max_audio_bytes = max_audio_bytes

    def session_id(self, data: dict[str, Any]) -> str:
        """Return the session a message is about; the connection's id if it names none."""
        named = data.get("session_id")
        if named is None:
            return self.client.connection.feeds or self.client.connection.connection_id
        if not isinstance(named, str):
            raise InvalidInput("session_id is a text", field="session_id")
        return check_session_id(named)

    async def join(self, data: dict[str, Any]) -> SessionState:
        """Open, resume or listen to a session, whichever fits."""
        request = wire.convert(data, JoinRequest)
        session_id = check_session_id(request.session_id or self.client.connection.connection_id)
        try:
            state = await self._log.state(session_id)
        except NotFound:
            state = await self.client.start(session_id, request.config, kind=self._kind)
            await self.client.join(session_id, history=False)
            return state
        if request.resume:
            return await self.client.resume(session_id, last_event_id=request.last_event_id)
        await self.client.join(session_id, history=True)
        return state

    async def audio(self, data: dict[str, Any]) -> Appended:
        """Take ``audio_data`` as the next chunk (``seq`` may number it) of the session."""
        session_id = self.session_id(data)
        audio = self._bytes(data.get("audio_data"))
        seq = data.get("seq")
        if seq is not None and (not isinstance(seq, int) or seq < 0):
            raise InvalidInput("seq counts from 0", field="seq")
        if session_id not in self.client.fed:
            await self._feed(session_id, data)
        return await self.client.audio(session_id, audio, seq)

    async def update(self, data: dict[str, Any]) -> None:
        """Change a session from here on."""
        update = wire.convert(data.get("config"), ConfigUpdate, field="config")
        await self.client.update(self.session_id(data), update)

    async def end(self, data: dict[str, Any]) -> None:
        """Flush and end a session."""
        await self.client.end(self.session_id(data))

    async def leave(self, data: dict[str, Any]) -> None:
        """Stop listening."""
        await self.client.leave(self.session_id(data))

    async def _feed(self, session_id: str, data: dict[str, Any]) -> None:
        """Become the feeder of a session that nobody feeds, opening it if need be."""
        try:
            await self.client.adopt(session_id)
        except NotFound:
            config = wire.convert(data.get("config") or {}, SessionConfig, field="config")
            await self.client.start(session_id, config, kind=self._kind)

    def _bytes(self, audio: object) -> bytes:
        if isinstance(audio, bytes | bytearray | memoryview):
            found = bytes(cast("bytes", audio))
        elif isinstance(audio, str):
            try:
                found = base64.b64decode(audio, validate=True)
            except (binascii.Error, ValueError) as error:
                raise InvalidInput(
                    f"audio_data is not base64: {error}", field="audio_data"
                ) from error
        else:
            raise InvalidInput("audio_data is missing: send bytes or base64", field="audio_data")
        if len(found) > self._max_audio_bytes:
            raise MessageTooLarge(
                f"audio_data of {len(found)} bytes exceeds the limit of {self._max_audio_bytes}",
                field="audio_data",
            )
        return found
