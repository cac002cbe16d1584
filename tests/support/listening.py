"""Listening to a session that another connection feeds."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import connect

from livetranslate.domain.events import SessionEnded, SessionEvent
from livetranslate.domain.messages import JoinSession
from livetranslate.domain.wire import encode
from livetranslate.services.client.incoming import decode_server_message


async def listen(url: str, session_id: str, *, timeout_s: float = 60) -> list[SessionEvent]:
    """All events of a session, from its first one to its end."""
    events: list[SessionEvent] = []
    async with asyncio.timeout(timeout_s), connect(url, proxy=None, compression=None) as socket:
        await socket.send(encode(JoinSession(session_id=session_id)).decode())
        async for data in socket:
            message = decode_server_message(data)
            if isinstance(message, SessionEvent) and message.event_id:
                events.append(message)
            if isinstance(message, SessionEnded):
                return events
    raise AssertionError(f"the connection ended before session {session_id}")
