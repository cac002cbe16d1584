"""Recognition behind another process: orchestration's worker that recognises nothing itself.

Where orchestration shares no log with the workers, it has a log of its own, and this forwarder
takes the place of the workers: it claims sessions, sends their audio to a whisper instance over
Socket.IO, and writes what comes back as the sessions' events. So everything in front of the log is
the same code in both cases.

``forwarding`` is the part for one session.
"""

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
from livetranslate.domain.errors import (
    BackendUnavailable,
    ClaimLost,
    InvalidInput,
    LiveTranslateError,
    NotFound,
)
from livetranslate.domain.events import SessionEvent
from livetranslate.services.api.backends import Backends
from livetranslate.services.forwarding import ForwardedSession
from livetranslate.sessions.desk.base import Desk
from livetranslate.sessions.errors import ErrorData, rebuilt
from livetranslate.sessions.log.base import SessionLog
from livetranslate.sessions.work import WorkerReport

CALL_TIMEOUT_S = 30.0
RECONNECT_S = 0.5
"""Pause before a lost instance is tried again."""
REPORT_S = 2.0
"""How often the instance's workers are asked for, for ``/status``."""
EVENTS = frozenset(str(kind.__struct_config__.tag) for kind in get_args(SessionEvent))
"""Names of session events; everything else the instance says is an answer."""
RETRIED = ("backend_unavailable", "overloaded", "shutting_down")
"""Refusals of the instance that pass."""
CARRIED = ("field", "retry_after_s", "expected_seq")
"""What a refusal carries beside its code and message."""

_log = structlog.get_logger(__name__)


class Forwarder:
    """Forwards every session of a log to one whisper instance.

    Args:
        log: The local log.
        desk: Where the instance's workers are reported.
        url: Base address of the instance.
        backends: HTTP to the same instance, for its workers' reports.
        api_key: For an instance that asks for one.
    """

    def __init__(
        self,
        log: SessionLog,
        desk: Desk,
        url: str,
        backends: Backends,
        *,
        api_key: str | None = None,
    ) -> None:
        self._source = log
        self._desk = desk
        self._url = url
        self._backends = backends
        self._api_key = api_key
        self._worker_id = f"forwarder {url}"
        # Socket.IO's own classes carry no types.
        self._client: Any = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self._client.on("*", self._receive)
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._sending = asyncio.Lock()
        self._sessions: dict[str, asyncio.Queue[SessionEvent]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Forward until cancelled."""
        loops = [
            asyncio.create_task(self._stay_connected()),
            asyncio.create_task(self._report_for_ever()),
            asyncio.create_task(self._claim_for_ever()),
        ]
        try:
            await asyncio.gather(*loops)
        finally:
            for task in [*loops, *self._tasks]:
                task.cancel()
            await asyncio.gather(*loops, *self._tasks, return_exceptions=True)
            with contextlib.suppress(Exception):
                await self._client.disconnect()

    async def call(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        """Return the instance's answer to an event, once there is a connection.

        Raises:
            BackendUnavailable: The connection broke, or a refusal that passes.
            LiveTranslateError: The instance's own error.
        """
        await self._connected.wait()
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
        if not answered.done():
            raise BackendUnavailable("the whisper service did not answer")
        answer = answered.result()
        failure = answer.get("error")
        if failure is None:
            return answer
        code, message = str(failure.get("code")), str(failure.get("message"))
        if code in RETRIED:
            raise BackendUnavailable(message)
        carried = {name: failure[name] for name in CARRIED if failure.get(name) is not None}
        raise rebuilt(ErrorData(code, message, carried))

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
            self._lost.clear()
            self._connected.set()
            await self._client.wait()
            self._connected.clear()
            self._lost.set()
            _log.warning("whisper_lost", url=self._url)

    async def _claim_for_ever(self) -> None:
        while True:
            await self._connected.wait()
            claim = await self._source.claim(self._worker_id, wait_s=5.0)
            if claim is not None:
                session = ForwardedSession(self, self._source, claim)
                task = asyncio.create_task(self._serve(session), name=f"forward {claim.session_id}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _serve(self, session: ForwardedSession) -> None:
        try:
            await session.run()
        except (ClaimLost, NotFound):
            # The session was deleted, or is another forwarder's now.
            _log.info("forwarding_ended", session_id=session.session_id)

    def subscribe(self, session_id: str) -> asyncio.Queue[SessionEvent]:
        """Return a new queue for what the instance tells about a session."""
        queue: asyncio.Queue[SessionEvent] = asyncio.Queue()
        self._sessions[session_id] = queue
        return queue

    def unsubscribe(self, session_id: str) -> None:
        """Forget a session's queue."""
        self._sessions.pop(session_id, None)

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

    async def _report_for_ever(self) -> None:
        """Leave the instance's workers' reports at the local desk."""
        while True:
            try:
                found = await self._backends.get("whisper", "/workers")
                for report in wire.convert(found["reports"], list[WorkerReport]):
                    await self._desk.report(report)
            except (LiveTranslateError, KeyError) as error:
                _log.debug("no_reports", reason=str(error))
                await asyncio.sleep(RECONNECT_S)
                continue
            await asyncio.sleep(REPORT_S)
