"""The Socket.IO connection to one whisper instance, kept up and opened again when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast, get_args

import msgspec
import socketio  # pyright: ignore[reportMissingTypeStubs] - it has none
import structlog
from socketio.exceptions import (  # pyright: ignore[reportMissingTypeStubs] - it has none
    SocketIOError,
)

from livetranslate.domain import wire
from livetranslate.domain.errors import BackendUnavailable, InvalidInput
from livetranslate.domain.events import SessionEvent
from livetranslate.sessions.errors import ErrorData, rebuilt

CALL_TIMEOUT_S = 10.0
RECONNECT_S = 0.5
"""Pause before a lost instance is tried again."""
EVENTS = frozenset(str(kind.__struct_config__.tag) for kind in get_args(SessionEvent))
"""Names of session events; everything else the instance says is an answer."""
RETRIED = ("backend_unavailable", "overloaded", "shutting_down")
"""Refusals of the instance that pass."""
CARRIED = ("field", "retry_after_s", "expected_seq")
"""What a refusal carries beside its code and message."""

_log = structlog.get_logger(__name__)


class InstanceLink:
    """The connection to one instance.

    Args:
        instance_id: Its id.
        url: Its base address.
        api_key: For an instance that asks for one.

    Attributes:
        instance_id: Its id.
        connected: Set while there is a connection.
        healthy: False after a call without an answer, until the next answer.
    """

    def __init__(self, instance_id: str, url: str, *, api_key: str | None = None) -> None:
        self.instance_id = instance_id
        self.connected = asyncio.Event()
        self.healthy = True
        self._url = url
        self._api_key = api_key
        # Socket.IO's own classes carry no types.
        self._client: Any = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self._client.on("*", self._receive)
        self._lost = asyncio.Event()
        self._sending = asyncio.Lock()
        self._sessions: dict[str, asyncio.Queue[SessionEvent]] = {}

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            await self._stay_connected()
        finally:
            self.connected.clear()
            self._lost.set()
            with contextlib.suppress(Exception):
                await self._client.disconnect()

    async def call(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        """Return the instance's answer to an event.

        Raises:
            BackendUnavailable: There is no connection, it broke, or a refusal that passes.
            LiveTranslateError: The instance's own error.
        """
        if not self.connected.is_set():
            raise BackendUnavailable("the whisper service is not connected")
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def on_answer(answer: dict[str, Any]) -> None:
            if not answered.done():
                answered.set_result(answer)

        losing = asyncio.create_task(self._lost.wait())
        try:
            # A message with binary data is several packets, which must not mix with another's.
            async with self._sending:
                await self._client.emit(event, data, callback=on_answer)
            await asyncio.wait(
                {answered, losing}, timeout=CALL_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
            )
        except SocketIOError as error:
            raise BackendUnavailable(f"the whisper service does not answer: {error}") from error
        finally:
            losing.cancel()
        self.healthy = answered.done()
        if not answered.done():
            raise BackendUnavailable("the whisper service did not answer")
        return _checked(answered.result())

    def subscribe(self, session_id: str) -> asyncio.Queue[SessionEvent]:
        """Return a new queue for what the instance tells about a session."""
        queue: asyncio.Queue[SessionEvent] = asyncio.Queue()
        self._sessions[session_id] = queue
        return queue

    def unsubscribe(self, session_id: str) -> None:
        """Forget a session's queue."""
        self._sessions.pop(session_id, None)

    async def _stay_connected(self) -> None:
        headers = {"X-API-Key": self._api_key} if self._api_key else {}
        reached = True
        while True:
            try:
                await self._client.connect(self._url, headers=headers, transports=["websocket"])
            except SocketIOError as error:
                if reached:
                    _log.warning("whisper_unreachable", url=self._url, reason=str(error))
                reached = False
                await asyncio.sleep(RECONNECT_S)
                continue
            reached = True
            self.healthy = True
            self._lost.clear()
            self.connected.set()
            await self._client.wait()
            self.connected.clear()
            self._lost.set()
            _log.warning("whisper_lost", url=self._url)

    async def _receive(self, name: str, data: Any = None) -> None:
        if name not in EVENTS or not isinstance(data, dict):
            return
        told = cast("dict[str, Any]", data)
        queue = self._sessions.get(told.get("session_id", ""))
        if queue is None or not told.get("event_id"):
            return
        try:
            event = wire.decode_event(msgspec.json.encode({**told, "type": name}))
        except InvalidInput as error:
            _log.warning("unknown_event", event_name=name, reason=error.message)
            return
        queue.put_nowait(event)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    failure = answer.get("error")
    if failure is None:
        return answer
    code, message = str(failure.get("code")), str(failure.get("message"))
    if code in RETRIED:
        raise BackendUnavailable(message)
    carried = {name: failure[name] for name in CARRIED if failure.get(name) is not None}
    raise rebuilt(ErrorData(code, message, carried))
