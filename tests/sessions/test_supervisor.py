"""Local workers as real processes: a small program that reports to the test and then waits."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livetranslate.domain.errors import NotFound
from livetranslate.sessions.supervisor import (
    SupervisorOptions,
    WorkerState,
    WorkerSupervisor,
)
from livetranslate.sessions.work import EXIT_DRAINED

PROGRAM = """
import json, os, signal, socket, subprocess, sys, time
path, worker_id, mode = sys.argv[1:4]
line = socket.socket(socket.AF_UNIX)
line.connect(path)
line.set_inheritable(True)
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "polite":
    signal.signal(signal.SIGTERM, lambda *_: (line.sendall(b"bye"), sys.exit(0)))
if mode == "parent":
    subprocess.Popen(["sleep", "1000"], close_fds=False)
hello = {"id": worker_id, "pid": os.getpid(), "sid": os.getsid(0), "mark": os.environ.get("MARK")}
line.sendall(json.dumps(hello).encode() + b"\\n")
if mode == "short":
    sys.exit(3)
if mode.isdigit():
    sys.exit(int(mode))
while True:
    signal.pause()
"""

MAIN = """
import asyncio, sys
from livetranslate.sessions.supervisor import WorkerSupervisor
async def main():
    supervisor = WorkerSupervisor(lambda name: [sys.executable, *sys.argv[1:3], name, "plain"])
    await supervisor.scale(1)
    await asyncio.Event().wait()
asyncio.run(main())
"""


class Line:
    """One worker process, as it reported; ``rest`` ends when it and its children are gone."""

    def __init__(self, hello: bytes, reader: asyncio.StreamReader) -> None:
        said = json.loads(hello)
        self.worker_id: str = said["id"]
        self.pid: int = said["pid"]
        self.session: int = said["sid"]
        self.mark: str | None = said["mark"]
        self._reader = reader

    async def rest(self) -> bytes:
        return await self._reader.read()


class Bench:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "s"
        self.program = folder / "worker.py"
        self.program.write_text(PROGRAM)
        self.lines: asyncio.Queue[Line] = asyncio.Queue()
        self.mode = "plain"
        self._writers: list[asyncio.StreamWriter] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines.put_nowait(Line(await reader.readline(), reader))
        self._writers.append(writer)

    def command(self, worker_id: str) -> list[str]:
        return [sys.executable, str(self.program), str(self.path), worker_id, self.mode]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    server = await asyncio.start_unix_server(bench.answer, str(bench.path))
    yield bench
    server.close()


@pytest.fixture
async def supervisor(bench: Bench) -> AsyncIterator[WorkerSupervisor]:
    options = SupervisorOptions(grace_s=0.05, first_restart_s=0.001, longest_restart_s=0.002)
    supervisor = WorkerSupervisor(bench.command, options=options)
    yield supervisor
    await supervisor.close()


async def test_as_many_workers_run_as_asked_for(bench: Bench, supervisor: WorkerSupervisor):
    await supervisor.scale(2)
    lines = [await bench.lines.get() for _ in range(2)]
    workers = supervisor.workers()
    assert {line.worker_id: line.pid for line in lines} == {w.worker_id: w.pid for w in workers}
    assert {worker.state for worker in workers} == {WorkerState.RUNNING}
    assert all(line.session == line.pid for line in lines)
    await supervisor.scale(1)
    assert [worker.worker_id for worker in supervisor.workers()] == [workers[0].worker_id]
    gone = next(line for line in lines if line.worker_id == workers[1].worker_id)
    assert await gone.rest() == b""


async def test_a_killed_worker_is_started_again(bench: Bench, supervisor: WorkerSupervisor):
    await supervisor.scale(1)
    first = await bench.lines.get()
    os.kill(first.pid, signal.SIGKILL)
    second = await bench.lines.get()
    (worker,) = supervisor.workers()
    assert second.worker_id == first.worker_id and second.pid != first.pid
    assert (worker.pid, worker.restarts, worker.exit_code) == (second.pid, 1, -signal.SIGKILL)


async def test_a_worker_that_exits_is_tried_again_and_again(
    bench: Bench, supervisor: WorkerSupervisor
):
    bench.mode = "short"
    await supervisor.scale(1)
    pids = {(await bench.lines.get()).pid for _ in range(4)}
    assert len(pids) == 4
    assert supervisor.workers()[0].restarts >= 3


async def test_restarts_become_rarer(bench: Bench):
    bench.mode = "short"
    options = SupervisorOptions(first_restart_s=0.001, longest_restart_s=1000)
    supervisor = WorkerSupervisor(bench.command, options=options)
    loop = asyncio.get_running_loop()
    await supervisor.scale(1)
    times: list[float] = []
    for _ in range(7):
        await bench.lines.get()
        times.append(loop.time())
    await supervisor.close()
    assert times[-1] - times[0] >= 0.001 * (2**6 - 1)


async def test_a_worker_may_finish_its_work(bench: Bench):
    bench.mode = "polite"
    supervisor = WorkerSupervisor(bench.command)
    await supervisor.scale(1)
    line = await bench.lines.get()
    await supervisor.close()
    assert await line.rest() == b"bye"
    assert supervisor.workers() == []


async def test_a_worker_that_does_not_stop_is_killed(bench: Bench, supervisor: WorkerSupervisor):
    bench.mode = "stubborn"
    await supervisor.scale(1)
    line = await bench.lines.get()
    await supervisor.close()
    assert await line.rest() == b""


async def test_what_a_worker_started_goes_with_it(bench: Bench, supervisor: WorkerSupervisor):
    bench.mode = "parent"
    await supervisor.scale(1)
    line = await bench.lines.get()
    os.kill(line.pid, signal.SIGKILL)
    assert await line.rest() == b""


async def test_a_worker_is_replaced_under_a_new_name(bench: Bench, supervisor: WorkerSupervisor):
    await supervisor.scale(1)
    old = await bench.lines.get()
    new_id = await supervisor.replace(old.worker_id)
    new = await bench.lines.get()
    assert new.worker_id == new_id != old.worker_id
    assert await old.rest() == b""
    assert [worker.worker_id for worker in supervisor.workers()] == [new_id]
    with pytest.raises(NotFound):
        await supervisor.replace(old.worker_id)


async def test_workers_get_the_environment_they_are_given(bench: Bench):
    supervisor = WorkerSupervisor(bench.command, environment={"MARK": "yes"})
    await supervisor.scale(1)
    assert (await bench.lines.get()).mark == "yes"
    await supervisor.close()


async def test_a_program_that_is_not_there_is_no_end():
    tried = asyncio.Semaphore(0)

    def command(_: str) -> list[str]:
        tried.release()
        return ["/nowhere/worker"]

    supervisor = WorkerSupervisor(command, options=SupervisorOptions(first_restart_s=0.001))
    await supervisor.scale(1)
    for _ in range(3):
        await tried.acquire()
    await supervisor.close()


async def test_workers_die_with_their_main_process(bench: Bench, tmp_path: Path):
    main = tmp_path / "main.py"
    main.write_text(MAIN)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(main), str(bench.program), str(bench.path)
    )
    line = await bench.lines.get()
    process.kill()
    await process.wait()
    assert await line.rest() == b""


# Exits that somebody hears of, and workers that are drained by wish


class Ears:
    """Hears of exits, in order."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.fails = False

    async def __call__(self, worker_id: str) -> None:
        self.heard.put_nowait(worker_id)
        if self.fails:
            raise RuntimeError("deaf")


QUICK = SupervisorOptions(grace_s=0.05, first_restart_s=0.001, longest_restart_s=0.002)


async def test_each_exit_is_heard_of_before_the_worker_starts_again(bench: Bench):
    ears = Ears()
    going_on = asyncio.Event()

    async def hear(worker_id: str) -> None:
        await ears(worker_id)
        await going_on.wait()

    supervisor = WorkerSupervisor(bench.command, options=QUICK, on_exit=hear)
    await supervisor.scale(1)
    line = await bench.lines.get()
    os.kill(line.pid, signal.SIGKILL)
    assert await ears.heard.get() == line.worker_id
    assert bench.lines.empty() and supervisor.workers()[0].pid is None
    going_on.set()
    assert (await bench.lines.get()).worker_id == line.worker_id
    await supervisor.close()
    assert await ears.heard.get() == line.worker_id


async def test_one_that_fails_to_hear_ends_no_watch(bench: Bench):
    ears = Ears()
    ears.fails = True
    supervisor = WorkerSupervisor(bench.command, options=QUICK, on_exit=ears)
    await supervisor.scale(1)
    os.kill((await bench.lines.get()).pid, signal.SIGKILL)
    await bench.lines.get()
    await supervisor.close()


async def test_a_worker_drained_by_wish_is_gone(bench: Bench):
    ears = Ears()
    bench.mode = str(EXIT_DRAINED)
    supervisor = WorkerSupervisor(bench.command, options=QUICK, on_exit=ears)
    await supervisor.scale(1)
    line = await bench.lines.get()
    assert await ears.heard.get() == line.worker_id
    assert supervisor.workers() == []
    with pytest.raises(NotFound):
        await supervisor.remove(line.worker_id)
    await supervisor.close()
    assert bench.lines.empty()


async def test_a_stopped_process_is_killed_and_comes_again(
    bench: Bench, supervisor: WorkerSupervisor
):
    await supervisor.scale(1)
    first = await bench.lines.get()
    os.kill(first.pid, signal.SIGSTOP)
    supervisor.kill(first.worker_id)
    assert await first.rest() == b""
    second = await bench.lines.get()
    assert second.worker_id == first.worker_id and second.pid != first.pid
    with pytest.raises(NotFound):
        supervisor.kill("nobody")
