"""Log, desk, link, supervisor and manager together, with worker processes that are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from livetranslate.domain.events import SessionEnded, SessionEvent, TranscriptionResult
from livetranslate.domain.session import SessionConfig, SessionStatus
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.manager import SessionManager
from livetranslate.sessions.supervisor import SupervisorOptions, WorkerSupervisor
from support.records import MemoryRecords
from support.sessions import pcm

WORKER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from livetranslate.sessions.link.client import WorkerLink
from support.workers import work

async def main():
    link = await WorkerLink.connect(Path(sys.argv[1]))
    tasks = [asyncio.create_task(work(link.log, sys.argv[2])) for _ in range(4)]
    tasks.append(asyncio.create_task(link.wait_gone()))
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

asyncio.run(main())
"""

TESTS = Path(__file__).resolve().parent.parent
NAMES = [f"s{number}" for number in range(6)]
CHUNKS = 40


class Client:
    def taken_over(self, session_id: str) -> None:
        raise AssertionError(f"{session_id} was taken over by nobody")


async def everything(log: MemorySessionLog, session_id: str) -> list[SessionEvent]:
    seen: list[SessionEvent] = []
    while not seen or not isinstance(seen[-1], SessionEnded):
        after = seen[-1].event_id if seen else 0
        seen += await log.read_events(session_id, after, wait_s=60)
    return seen


async def test_killed_workers_lose_and_double_nothing(tmp_path: Path):
    # The claims of a killed worker must be free because its connection broke, not by their age.
    log = MemorySessionLog(LogOptions(claim_ttl_s=1e6))
    records = MemoryRecords()
    server = LogServer(log, MemoryDesk(), tmp_path / "link")
    await server.start()
    program = tmp_path / "worker.py"
    program.write_text(WORKER)
    supervisor = WorkerSupervisor(
        lambda name: [sys.executable, str(program), str(server.path), name, str(TESTS)],
        options=SupervisorOptions(first_restart_s=0.001, longest_restart_s=0.01),
    )
    manager = SessionManager(log, records)
    manager.start()
    client = Client()
    await supervisor.scale(2)
    for name in NAMES:
        await manager.open(name, SessionConfig(), kind="api", feeder=client)
    readers = [asyncio.create_task(everything(log, name)) for name in NAMES]
    for seq in range(CHUNKS):
        for name in NAMES:
            await manager.feed(name, client, None, pcm(0.1, seq))
        if seq % 10 == 5:
            holder = await holding(log)
            pids = {worker.worker_id: worker.pid for worker in supervisor.workers()}
            with suppress(ProcessLookupError):  # it died of the kill before
                os.kill(pids[holder] or 0, signal.SIGKILL)
    for name in NAMES:
        await manager.end(name)
    for name, events in zip(NAMES, await asyncio.gather(*readers), strict=True):
        finals = [event.text for event in events if isinstance(event, TranscriptionResult)]
        assert finals == [str(seq) for seq in range(CHUNKS)], name
    assert max(state.epoch for state in await log.sessions()) > 1
    await manager.close()
    assert set(records.status.values()) == {SessionStatus.COMPLETED}
    await supervisor.close()
    await server.close()


async def holding(log: MemorySessionLog) -> str:
    """Wait until a worker holds a session and return the worker's name."""
    after = {name: 0 for name in NAMES}
    while True:
        for state in await log.sessions():
            if state.worker_id is not None:
                return state.worker_id
        waits = [
            asyncio.create_task(log.read_events(name, seen, wait_s=60))
            for name, seen in after.items()
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for (name, _), wait in zip(list(after.items()), waits, strict=True):
            if wait.done() and wait.result():
                after[name] = wait.result()[-1].event_id
            wait.cancel()
