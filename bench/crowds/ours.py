"""Orchestration as it is served, its sessions in memory, with a worker that only drains them.

The application is the real one with all its layers. The worker of this process claims sessions,
says that they started and passes their audio once a second, so that no backlog grows; it recognises
nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from bench.crowds.events import event, publish_paced
from bench.crowds.pipes import serve_commands
from livetranslate.domain.errors import ClaimLost, NotFound
from livetranslate.domain.events import SessionEnded, SessionEvent, SessionStarted
from livetranslate.domain.session import AppliedConfig, PolicyName, SessionStatistics
from livetranslate.services.core import Core
from livetranslate.services.gateway.options import gateway_of
from livetranslate.services.logs import configure_logs
from livetranslate.services.orchestration import create_orchestration_app
from livetranslate.services.running import remote_translator
from livetranslate.services.server import HttpServer, bind, port_of, run_servers
from livetranslate.sessions.log.base import Checkpoint, Claim, EndEntry, SessionLog
from livetranslate.settings import load_settings

WORKER = "drain"
DRAIN_S = 1.0


async def drain(log: SessionLog) -> None:
    """Claim every session and pass what it brings."""
    async with asyncio.TaskGroup() as tasks:
        while True:
            claim = await log.claim(WORKER, wait_s=5.0)
            if claim is not None:
                tasks.create_task(_drain_one(log, claim))


async def _drain_one(log: SessionLog, claim: Claim) -> None:
    with contextlib.suppress(ClaimLost, NotFound):
        await log.append_events(claim, [_started(claim)])
        position = -1
        while True:
            await asyncio.sleep(DRAIN_S)
            entries = await log.read_entries(claim.session_id, position)
            if not entries:
                await log.touch(claim)
                continue
            position = entries[-1].position
            last = entries[-1]
            ended = isinstance(last, EndEntry)
            events: list[SessionEvent] = [_ended(claim, last)] if ended else []
            await log.append_events(
                claim, events, checkpoint=Checkpoint(position, b""), processed=position
            )
            if ended:
                return


def _started(claim: Claim) -> SessionStarted:
    applied = AppliedConfig(
        config=claim.config,
        engine="none",
        engine_reason="nothing is recognised here",
        model="none",
        device="cpu",
        compute_type="int8",
        policy=PolicyName.LOCAL_AGREEMENT,
        worker_id=WORKER,
    )
    return SessionStarted(session_id=claim.session_id, timestamp=datetime.now(UTC), config=applied)


def _ended(claim: Claim, entry: EndEntry) -> SessionEnded:
    return SessionEnded(
        session_id=claim.session_id,
        timestamp=datetime.now(UTC),
        reason=entry.reason,
        statistics=SessionStatistics(),
    )


async def main(folder: Path) -> None:
    """Serve until standard input ends."""
    configure_logs("ERROR")
    settings = load_settings(
        config_file=None,
        livetranslate_data=folder,
        whisper_service_url=("http://127.0.0.1:9",),
        translation_service_url=("http://127.0.0.1:9",),
        websocket_max_connections=20_000,
        max_concurrent_sessions=2_000,
    )
    core = Core(settings, keeps_records=False)
    gateway = gateway_of(settings)
    app = create_orchestration_app(core, gateway, remote_translator(settings), web=None)
    bound = bind("127.0.0.1", 0, "--port")
    server = HttpServer(app, bound, before_stop=core.edge.close)
    await core.start()
    working = asyncio.create_task(drain(core.log))
    serving = asyncio.create_task(run_servers([server], asyncio.Event()))
    while not server.started:  # noqa: ASYNC110 - it has no event to wait for
        await asyncio.sleep(0.01)

    async def answer(command: dict[str, Any]) -> dict[str, Any]:
        if command["do"] == "connections":
            told = core.edge.connections
            return {"active": len(told), "tasks": len(asyncio.all_tasks())}

        async def one(size: int) -> None:
            name = command["session"]
            await core.log.append_system_events(name, [event(name, size)])

        return await publish_paced(one, command)

    await serve_commands(answer, port=port_of(bound))
    working.cancel()
    serving.cancel()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="livetranslate-bench-") as found:
        uvloop.run(main(Path(found)))
