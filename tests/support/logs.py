"""Session logs to test: the one in memory, and the same one reached over the worker link."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from livetranslate.sessions.desk import Desk
from livetranslate.sessions.link.client import WorkerLink
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.base import LogOptions, SessionLog
from livetranslate.sessions.log.memory import MemorySessionLog
from support.clock import VirtualClock

MakeLog = Callable[..., Awaitable[SessionLog]]
BACKENDS = ("memory", "remote")


@asynccontextmanager
async def opened_log(backend: str, options: LogOptions) -> AsyncIterator[SessionLog]:
    """Open a log of the named backend, in virtual time."""
    log = MemorySessionLog(options, clock=VirtualClock())
    if backend == "memory":
        yield log
        return
    with TemporaryDirectory() as folder:
        server = LogServer(log, Desk(clock=VirtualClock()), Path(folder) / "link")
        await server.start()
        link = await WorkerLink.connect(server.path)
        yield link.log
        await link.close()
        await server.close()
