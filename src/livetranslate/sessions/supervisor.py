"""Keeps the local worker processes running: starts, watches, restarts, replaces and ends them.

A worker that exits by itself is started again under its name, with growing pauses, but for one that
was drained by wish: its exit code tells that it is not wanted any more.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from itertools import count
from typing import Protocol

import msgspec
import structlog

from livetranslate.domain.errors import Conflict, NotFound
from livetranslate.sessions import launch
from livetranslate.sessions.work import EXIT_DRAINED

_log = structlog.get_logger(__name__)

WorkerCommand = Callable[[str], Sequence[str]]
"""Gives the command line of a worker with this id; the program is an absolute path."""
OnExit = Callable[[str], Awaitable[object]]
"""Hears of each exit of a worker's process, by the worker's id, before it is started again."""


class SupervisorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Times of the supervisor.

    Attributes:
        grace_s: Seconds between asking a worker to stop (SIGTERM) and killing it.
        first_restart_s: Pause before a worker that exited is started again; it doubles with each
            further exit.
        longest_restart_s: The longest pause.
        stable_s: A worker that ran for so long starts over with the first pause.
        hear_s: Seconds that whoever hears of an exit may take.
    """

    grace_s: float = 20.0
    first_restart_s: float = 0.25
    longest_restart_s: float = 30.0
    stable_s: float = 30.0
    hear_s: float = 5.0


class WorkerState(Enum):
    """Life of a worker's place."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    STOPPING = "stopping"
    STOPPED = "stopped"


_NEXT = {
    WorkerState.STARTING: {WorkerState.RUNNING, WorkerState.WAITING, WorkerState.STOPPING},
    WorkerState.RUNNING: {WorkerState.WAITING, WorkerState.STOPPING, WorkerState.STOPPED},
    WorkerState.WAITING: {WorkerState.STARTING, WorkerState.STOPPING},
    WorkerState.STOPPING: {WorkerState.STOPPED},
    WorkerState.STOPPED: set[WorkerState](),
}


class WorkerProcess(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a worker's process.

    Attributes:
        worker_id: Its name, kept when it is started again.
        state: Whether it runs.
        pid: Process id, or None while there is none.
        restarts: How often it was started again.
        exit_code: Of its last exit (negative: the signal), or None.
        running_s: Seconds for which the present process has run; 0 while there is none.
    """

    worker_id: str
    state: WorkerState
    pid: int | None
    restarts: int
    exit_code: int | None
    running_s: float = 0.0


class WorkerSupervisor:
    """A number of local workers, each in a process of its own.

    Workers run in sessions of their own, so that Ctrl-C in a terminal reaches only the main
    process, which then stops them in order; when the main process dies, they are killed.

    Args:
        command: Gives each worker's command line.
        environment: The workers' whole environment; None for this process's own.
        options: Times.
        on_exit: Hears of each exit.
        name: What the workers' ids begin with; unique wherever their log is reached from.
    """

    def __init__(
        self,
        command: WorkerCommand,
        *,
        environment: Mapping[str, str] | None = None,
        options: SupervisorOptions | None = None,
        on_exit: OnExit | None = None,
        name: str | None = None,
    ) -> None:
        self._command = command
        self._environment = None if environment is None else dict(environment)
        self._options = options or SupervisorOptions()
        self._on_exit = on_exit
        self._name = name or f"worker-{os.getpid()}"
        self._workers: dict[str, _Worker] = {}
        self._numbers = count(1)

    def workers(self) -> list[WorkerProcess]:
        """Return every worker, in the order in which they were added."""
        return [worker.process for worker in self._workers.values()]

    async def scale(self, number: int) -> None:
        """Run so many workers: start missing ones, stop the newest of those too many."""
        while len(self._workers) < number:
            self.add()
        surplus = list(self._workers)[number:]
        await asyncio.gather(*(self.remove(worker_id) for worker_id in surplus))

    async def replace(self, worker_id: str) -> str:
        """Start another worker, then stop this one in order; return the new one's id.

        Raises:
            NotFound: There is no such worker.
        """
        self._find(worker_id)
        new_id = self.add()
        await self.remove(worker_id)
        return new_id

    async def remove(self, worker_id: str) -> None:
        """Stop a worker: SIGTERM, and SIGKILL after the grace time. Raises NotFound."""
        await self._find(worker_id).stop()
        self._workers.pop(worker_id, None)

    async def close(self) -> None:
        """Stop all workers."""
        await self.scale(0)

    def add(self) -> str:
        """Start one worker more and return its id."""
        worker_id = f"{self._name}-{next(self._numbers)}"
        worker = _Worker(worker_id, self._command, self._environment, self._options, self._exited)
        self._workers[worker_id] = worker
        return worker_id

    def kill(self, worker_id: str) -> None:
        """End a worker's process at once, as one that hangs; it is started again. Raises NotFound.

        Nothing happens while there is no process.
        """
        self._find(worker_id).kill()

    async def _exited(self, worker_id: str, *, left: bool) -> None:
        """Hear of an exit; a worker that ``left`` is not known any more."""
        if left:
            self._workers.pop(worker_id, None)
        if self._on_exit is None:
            return
        try:
            async with asyncio.timeout(self._options.hear_s):
                await self._on_exit(worker_id)
        except Exception:  # noqa: BLE001 - whoever listens must not end the watch over a worker
            _log.exception("exit not heard of", worker_id=worker_id)

    def _find(self, worker_id: str) -> _Worker:
        worker = self._workers.get(worker_id)
        if worker is None:
            raise NotFound(f"there is no local worker {worker_id}", field="worker_id")
        return worker


class _Worker:
    """One worker's place: the process in it, and the task that watches it."""

    def __init__(
        self,
        worker_id: str,
        command: WorkerCommand,
        environment: dict[str, str] | None,
        options: SupervisorOptions,
        exited: _Exited,
    ) -> None:
        self._worker_id = worker_id
        self._exited = exited
        self._command = command
        self._environment = environment
        self._options = options
        self._state = WorkerState.STARTING
        self._running: asyncio.subprocess.Process | None = None
        self._began = 0.0
        self._restarts = 0
        self._exit_code: int | None = None
        self._stop_asked = asyncio.Event()
        self._watch = asyncio.create_task(self._keep_running(), name=f"watch {worker_id}")

    @property
    def process(self) -> WorkerProcess:
        return WorkerProcess(
            worker_id=self._worker_id,
            state=self._state,
            pid=self._running.pid if self._running else None,
            restarts=self._restarts,
            exit_code=self._exit_code,
            running_s=asyncio.get_running_loop().time() - self._began if self._running else 0.0,
        )

    def kill(self) -> None:
        """Kill the process if there is one."""
        if self._running is not None:
            _signal_group(self._running.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Stop the process and the watch over it; may be called more than once."""
        if self._state not in (WorkerState.STOPPING, WorkerState.STOPPED):
            self._to(WorkerState.STOPPING)
        self._stop_asked.set()
        await asyncio.shield(self._watch)

    async def _keep_running(self) -> None:
        pause_s = self._options.first_restart_s
        loop = asyncio.get_running_loop()
        while not self._stop_asked.is_set():
            self._began = loop.time()
            exit_code = await self._run_once()
            left = exit_code == EXIT_DRAINED and self._state is WorkerState.RUNNING
            await self._exited(self._worker_id, left=left)
            if left or self._stop_asked.is_set():
                break
            self._to(WorkerState.WAITING)
            if loop.time() - self._began >= self._options.stable_s:
                pause_s = self._options.first_restart_s
            _log.warning(
                "worker exited",
                worker_id=self._worker_id,
                exit_code=exit_code,
                restart_in_s=pause_s,
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop_asked.wait(), pause_s)
            if self._stop_asked.is_set():
                break
            pause_s = min(2 * pause_s, self._options.longest_restart_s)
            self._restarts += 1
            self._to(WorkerState.STARTING)
        self._to(WorkerState.STOPPED)

    async def _run_once(self) -> int | None:
        """Run the process until it exits, by itself or because it was told to.

        Returns:
            Its exit code, or None if it could not be started.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid())),
                *self._command(self._worker_id),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            _log.error("worker cannot start", worker_id=self._worker_id, error=str(error))
            return None
        self._running = process
        if not self._stop_asked.is_set():
            self._to(WorkerState.RUNNING)
            _log.info("worker started", worker_id=self._worker_id, pid=process.pid)
        exited = asyncio.create_task(process.wait())
        stop_asked = asyncio.create_task(self._stop_asked.wait())
        try:
            await asyncio.wait({exited, stop_asked}, return_when=asyncio.FIRST_COMPLETED)
            if not exited.done():
                _signal(process.pid, signal.SIGTERM)
                await asyncio.wait({exited}, timeout=self._options.grace_s)
        finally:
            # What the worker started itself goes too, also after an exit of its own.
            stop_asked.cancel()
            _signal_group(process.pid, signal.SIGKILL)
            self._exit_code = await exited
            self._running = None
        return self._exit_code

    def _to(self, state: WorkerState) -> None:
        if state not in _NEXT[self._state]:
            raise Conflict(f"a worker that is {self._state.value} cannot become {state.value}")
        self._state = state


class _Exited(Protocol):
    async def __call__(self, worker_id: str, *, left: bool) -> None: ...


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
