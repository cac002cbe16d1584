"""The main process's end of the link: serves log, desk and configuration to worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import structlog

from livetranslate.domain.errors import InternalError, InvalidInput, LiveTranslateError
from livetranslate.sessions.configuration.base import ConfigurationSource
from livetranslate.sessions.configuration.memory import MemoryConfiguration
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.errors import error_data
from livetranslate.sessions.link.frames import (
    Answer,
    Cancel,
    Failure,
    Frame,
    FrameConnection,
    Request,
)
from livetranslate.sessions.link.holdings import Holdings
from livetranslate.sessions.link.methods import METHODS
from livetranslate.sessions.log.base import SessionLog

_log = structlog.get_logger(__name__)

MAX_CALLS = 10_000
"""Calls under way on one connection, above which no more of it is read."""


class LogServer:
    """Serves a log and a desk on a Unix domain socket.

    When a worker's connection breaks, what it held is given to others in the same moment: its
    claims are released, its jobs queued again.

    Args:
        log: The log.
        desk: The desk.
        path: Where the socket is made; only this user may connect.
        configuration: The shared configuration; one that nobody has set if None.
    """

    def __init__(
        self,
        log: SessionLog,
        desk: MemoryDesk,
        path: Path,
        configuration: ConfigurationSource | None = None,
    ) -> None:
        self._shared = log
        self._desk = desk
        self._configuration = configuration or MemoryConfiguration()
        self._path = path
        self._server: asyncio.Server | None = None
        self._peers: set[_Peer] = set()

    @property
    def path(self) -> Path:
        """Where workers connect."""
        return self._path

    async def start(self) -> None:
        """Listen; a socket left behind by a process that died is replaced."""
        self._path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._accept, str(self._path))
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Accept no more and cut every connection, which releases what the workers hold."""
        if self._server is not None:
            self._server.close()
        peers = list(self._peers)
        for peer in peers:
            peer.connection.abort()
        await asyncio.gather(*(peer.gone.wait() for peer in peers))
        self._path.unlink(missing_ok=True)

    def _accept(self) -> FrameConnection:
        peer = _Peer(self._shared, self._desk, self._configuration, self._peers.discard)
        self._peers.add(peer)
        return peer.connection


class _Peer:
    """One worker's connection: its calls under way and what it holds."""

    def __init__(
        self,
        log: SessionLog,
        desk: MemoryDesk,
        configuration: ConfigurationSource,
        on_gone: Callable[[_Peer], None],
    ) -> None:
        self.connection = FrameConnection(self._receive, self._lost)
        self.gone = asyncio.Event()
        self._served_by = {"log": log, "desk": desk, "configuration": configuration}
        self._on_gone = on_gone
        self._holdings = Holdings(log, desk)
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._undoing: set[asyncio.Task[None]] = set()

    def _receive(self, frame: Frame) -> None:
        if isinstance(frame, Request):
            call = asyncio.create_task(self._serve(frame))
            self._calls[frame.call_id] = call
            call.add_done_callback(lambda _: self._served(frame.call_id))
            if len(self._calls) >= MAX_CALLS:
                self.connection.pause()
        elif isinstance(frame, Cancel):
            call = self._calls.get(frame.call_id)
            if call is None or not call.cancel():
                self._undo(frame.call_id)

    async def _serve(self, request: Request) -> None:
        try:
            answer: Frame = Answer(request.call_id, await self._result(request))
        except LiveTranslateError as error:
            answer = Failure(request.call_id, error_data(error))
        except msgspec.ValidationError as error:
            answer = Failure(
                request.call_id, error_data(InvalidInput(f"{request.method}: {error}"))
            )
        except Exception:  # noqa: BLE001 - the caller is told; the log has the trace
            _log.exception("call of a worker failed", method=request.method)
            fault = InternalError(f"{request.method} failed in the main process; its log says why")
            answer = Failure(request.call_id, error_data(fault))
        self.connection.send(answer)

    def _served(self, call_id: int) -> None:
        del self._calls[call_id]
        if len(self._calls) == MAX_CALLS - 1:
            self.connection.resume()

    async def _result(self, request: Request) -> msgspec.Raw:
        method = METHODS.get(request.method)
        if method is None:
            raise InvalidInput(f"there is no method {request.method}", field="method")
        contract, name = request.method.split(".")
        target = getattr(self._served_by[contract], name)
        if hasattr(self._holdings, name):
            target = partial(getattr(self._holdings, name), request.call_id)
        return await method.call(target, request.arguments)

    def _undo(self, call_id: int) -> None:
        undoing = asyncio.create_task(self._holdings.take_back(call_id))
        self._undoing.add(undoing)
        undoing.add_done_callback(self._undoing.discard)

    def _lost(self, _: Exception | None) -> None:
        for call in self._calls.values():
            call.cancel()
        giving_back = asyncio.create_task(self._holdings.give_back())
        self._undoing.add(giving_back)
        giving_back.add_done_callback(self._finish)

    def _finish(self, giving_back: asyncio.Task[None]) -> None:
        self._undoing.discard(giving_back)
        self.gone.set()
        self._on_gone(self)
