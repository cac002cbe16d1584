"""A further connection that listens to a session of the load."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from livetranslate.domain.events import SessionEnded, SessionEvent, TranscriptionResult
from livetranslate.domain.messages import ErrorMessage, JoinSession, SessionJoined
from livetranslate.domain.wire import encode
from livetranslate.services.client.incoming import decode_server_message
from livetranslate.services.load.figures import Figures
from livetranslate.services.load.options import LoadOptions

OPEN_S = 30.0


class Listening:
    """Listens from the begin of a session to its end.

    Attributes:
        finals: Final segments heard.
        ended: Whether the end was heard.
    """

    def __init__(self, options: LoadOptions, session_id: str, figures: Figures) -> None:
        self.finals = 0
        self.ended = False
        self._options = options
        self._session_id = session_id
        self._figures = figures
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()

    async def open(self) -> None:
        """Connect and join; a failure is counted, and shows as a listener that heard nothing."""
        key = self._options.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._socket = await connect(
                self._options.url,
                additional_headers=headers,
                compression=None,
                proxy=None,
                open_timeout=OPEN_S,
                max_size=None,
            )
            await self._socket.send(encode(JoinSession(session_id=self._session_id)).decode())
        except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed):
            self._figures.error("listener_refused")
            return
        self._task = asyncio.create_task(self._listen(self._socket))
        await asyncio.wait(
            {self._task, asyncio.ensure_future(self._joined.wait())},
            timeout=OPEN_S,
            return_when=asyncio.FIRST_COMPLETED,
        )

    async def finished(self, within_s: float) -> None:
        """Wait until the session's end was heard, or no longer than that."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=within_s)

    async def close(self) -> None:
        """Leave."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            while not self.ended:
                message = decode_server_message(await socket.recv())
                if isinstance(message, SessionJoined):
                    self._joined.set()
                elif isinstance(message, ErrorMessage):
                    self._figures.error(message.code)
                elif isinstance(message, SessionEvent):
                    self._figures.heard += 1
                    if isinstance(message, TranscriptionResult):
                        self.finals += message.is_final
                    self.ended = isinstance(message, SessionEnded)
        except ConnectionClosed:
            self._figures.error("listener_cut")
