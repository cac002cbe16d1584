"""``serve ROLE`` as two processes: the role, and a small parent that restarts it.

The parent holds the listening socket and asks the role for its health. A role that does not answer
for a whole interval hangs: it is killed and started again, on the same socket, so that callers who
come meanwhile wait in its queue and are not refused. A role that exits is started again too, unless
it had never answered: then something is wrong that a restart does not mend, and the parent ends
with the role's own exit code.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import structlog

from livetranslate.services.server import port_of, stop_on_signals
from livetranslate.sessions import launch

_log = structlog.get_logger(__name__)


class WatchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Times of the watch.

    Attributes:
        hang_s: A role that did not answer for so long hangs.
        start_s: How long a role may take to answer for the first time.
        ask_s: Between two questions.
        grace_s: Time a role has to end by itself once it is told to.
        first_restart_s: Pause before it is started again; doubled with each further time.
        longest_restart_s: The longest pause.
        stable_s: A role that ran for so long starts over with the first pause.
    """

    hang_s: float = 10.0
    start_s: float = 120.0
    ask_s: float = 1.0
    grace_s: float = 30.0
    first_restart_s: float = 0.25
    longest_restart_s: float = 30.0
    stable_s: float = 60.0


class RoleWatch:
    """Keeps a role running in a process of its own.

    Args:
        command: Command line of the role without this watch; the program is an absolute path.
        bound: Listening socket, which the role inherits under the same number.
        path: Path at which the role answers whoever asks, without leaning on anything.
        options: Times.

    Attributes:
        restarts: How often the role was started again.
    """

    def __init__(
        self,
        command: Sequence[str],
        bound: socket.socket,
        path: str,
        options: WatchOptions | None = None,
    ) -> None:
        self._command = tuple(command)
        self._bound = bound
        self._path = path
        self._options = options or WatchOptions()
        self._answered_ever = False
        self._process: asyncio.subprocess.Process | None = None
        self.restarts = 0

    async def run(self) -> int:
        """Run the role until SIGINT or SIGTERM; return the exit code."""
        stop = asyncio.Event()
        stop_on_signals(stop, on_second=self._end_now)
        loop = asyncio.get_running_loop()
        pause_s = self._options.first_restart_s
        while True:
            began = loop.time()
            code = await self._run_once(stop)
            if stop.is_set() or not self._answered_ever:
                return code
            if loop.time() - began >= self._options.stable_s:
                pause_s = self._options.first_restart_s
            _log.warning("role_restarts", exit_code=code, restart_in_s=pause_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)
            if stop.is_set():
                return 0
            pause_s = min(2 * pause_s, self._options.longest_restart_s)
            self.restarts += 1

    async def _run_once(self, stop: asyncio.Event) -> int:
        """Run the role until it exits, hangs, or is told to stop; return its exit code."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid())),
            *self._command,
            pass_fds=(self._bound.fileno(),),
            start_new_session=True,
        )
        self._process = process
        exited = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(stop.wait())
        hanging = asyncio.create_task(self._until_it_hangs())
        try:
            await asyncio.wait({exited, stopping, hanging}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done() and not exited.done():
                process.terminate()
                await asyncio.wait({exited}, timeout=self._options.grace_s)
        finally:
            stopping.cancel()
            hanging.cancel()
            _kill_group(process.pid)
            code = await exited
            self._process = None
        return code if code >= 0 else 128 - code

    async def _until_it_hangs(self) -> None:
        """Return when the role has been silent for too long."""
        loop = asyncio.get_running_loop()
        heard_at, answered = loop.time(), False
        while True:
            longest = self._options.hang_s if answered else self._options.start_s
            if await self._answers(min(longest, self._options.hang_s)):
                heard_at, answered = loop.time(), True
                self._answered_ever = True
            elif loop.time() - heard_at >= longest:
                _log.error("role_hangs", silent_s=round(loop.time() - heard_at, 1))
                return
            await asyncio.sleep(self._options.ask_s)

    async def _answers(self, timeout_s: float) -> bool:
        """Ask for the role's health; any answer will do."""
        host = self._bound.getsockname()[0]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(host, port_of(self._bound))
                request = f"GET {self._path} HTTP/1.1\r\nHost: watch\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                return (await reader.readline()).startswith(b"HTTP/")
        except (OSError, TimeoutError):
            return False
        finally:
            if writer is not None:
                writer.transport.abort()

    def _end_now(self) -> None:
        if self._process is not None:
            _kill_group(self._process.pid)
        os._exit(130)


def _kill_group(pid: int) -> None:
    """Kill what is left of the role; its workers die with it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
