"""Sessions shared over Redis by real processes: two orchestrations and a pool of two workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import websockets

from livetranslate.domain.session import SessionConfig
from livetranslate.services.client import CaptionClient
from livetranslate.services.operating import Operator, QueuedSession, operating
from livetranslate.sessions.work import WorkerReport
from livetranslate.settings import load_settings
from support.captions import Captions, stream
from support.distributed import Distributed
from support.parts import Part
from support.ports import free_port
from support.redis_server import RedisServer, redis_server
from support.scoring import error_rate
from support.sound import s16
from support.speech import WHISPER_FIXTURE, recording

SETTINGS = {
    "WHISPER_MODEL": str(WHISPER_FIXTURE),
    "WHISPER_DEVICE": "cpu",
    "OMP_NUM_THREADS": "1",
    # What a dead worker had must be free because its exit was seen, not by its age.
    "WORKER_CLAIM_TTL": "600",
}
SPOKEN = recording("en_02")
CONFIG = SessionConfig(language="en")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server(append_only=True) as running:
        yield running


@pytest.fixture(scope="module")
def shared(server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distributed]:
    folder = tmp_path_factory.mktemp("shared")
    made = Distributed(folder, server, f"sqlite+aiosqlite:///{folder}/shared.db", SETTINGS)
    made.orchestration()
    made.orchestration()
    made.worker(workers=2)
    made.start()
    yield made
    made.stop()


def pool(server: RedisServer, *arguments: str) -> Any:
    """What ``livetranslate pool`` answers as JSON."""
    command = [sys.executable, "-m", "livetranslate", "pool", *arguments, "--json"]
    done = subprocess.run(
        [*command, "--redis", server.url], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def listen(url: str, session_id: str) -> list[dict[str, Any]]:
    """The finals of a session until its end, as any instance tells them."""
    finals: list[dict[str, Any]] = []
    async with websockets.connect(url) as socket:
        while True:
            await socket.send(json.dumps({"type": "join_session", "session_id": session_id}))
            answer = json.loads(await socket.recv())
            while answer["type"] in ("connected", "heartbeat"):
                answer = json.loads(await socket.recv())
            if answer["type"] != "error":
                break
            await asyncio.sleep(0.05)
        while answer["type"] != "session_ended":
            if answer["type"] == "transcription_result" and answer["is_final"]:
                finals.append(answer)
            answer = json.loads(await socket.recv())
    return finals


@pytest.fixture
async def operator(server: RedisServer) -> AsyncIterator[Operator]:
    async with operating(load_settings(redis_url=server.url)) as opened:
        yield opened


async def running(operator: Operator, *, epoch: int = 0) -> QueuedSession:
    """The only session, once a worker has claimed it after this epoch."""
    async with asyncio.timeout(60):
        while True:
            for session in await operator.queue():
                if session.worker_id is not None and session.epoch > epoch:
                    return session
            await asyncio.sleep(0.01)


async def workers(operator: Operator, number: int) -> dict[str, WorkerReport]:
    """The workers' reports, once there are so many."""
    async with asyncio.timeout(60):
        while len(found := await operator.workers()) != number:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    return {known.report.worker_id: known.report for known in found}


async def test_a_session_of_one_instance_is_heard_at_the_other(shared: Distributed):
    near, far = shared.websockets
    hearing = asyncio.create_task(listen(far, "both"))
    heard = await stream(near, SPOKEN.audio, CONFIG, real_time=False, session_id="both")
    async with asyncio.timeout(60):
        assert [final["text"] for final in await hearing] == [one.text for one in heard.finals]
    assert heard.text and not heard.unacknowledged
    for part in shared.orchestrations:
        async with asyncio.timeout(60):
            while True:
                kept = await asyncio.to_thread(part.get, "/api/sessions/both")
                if kept["status"] == "completed":
                    break


@pytest.mark.timeout(240)
async def test_a_killed_or_drained_worker_leaves_its_sessions_to_others(
    shared: Distributed, server: RedisServer, operator: Operator
):
    """One worker is killed, the next is drained; nothing of the session is lost."""
    url = shared.websockets[0]
    expected = await stream(url, SPOKEN.audio, CONFIG, real_time=False)
    pcm = s16(SPOKEN.audio)
    third = len(pcm) // 6 * 2
    async with CaptionClient(url, CONFIG, session_id="moving") as client:
        await client.send(pcm[:third])
        first = await running(operator)
        reports = await workers(operator, 2)
        os.kill(reports[first.worker_id].pid, signal.SIGKILL)

        second = await running(operator, epoch=first.epoch)
        await client.send(pcm[third : 2 * third])
        await workers(operator, 2)
        answer = await asyncio.to_thread(pool, server, "drain", second.worker_id)
        assert answer == {"worker_id": second.worker_id, "sessions": 1, "replace": False}

        third_one = await running(operator, epoch=second.epoch)
        assert third_one.worker_id != second.worker_id
        await client.send(pcm[2 * third :])
        await client.end()
        heard = Captions([one async for one in client], client.reconnects, [])
    # The small model hears some words differently where audio comes in larger pieces.
    assert error_rate([expected.text], [heard.text]) <= 0.2
    assert heard.revised_commitments() == []
    assert heard.ended.statistics.audio_s == expected.ended.statistics.audio_s
    assert second.worker_id not in await workers(operator, 1)
    status = await asyncio.to_thread(shared.until, lambda found: found["total_workers"] == 1)
    assert status["total_sessions"] == 0


async def test_a_workers_port_tells_of_its_own_workers(shared: Distributed):
    (part,) = shared.workers
    health = await asyncio.to_thread(part.get, "/health")
    assert (health["service"], health["redis"]["reachable"]) == ("worker", True)
    status = await asyncio.to_thread(part.get, "/status")
    assert status["total_workers"] == len(status["workers"])
    reports = [one["report"] for one in status["workers"] if one["report"]]
    assert {one["worker_id"] for one in reports} <= {one["worker_id"] for one in status["workers"]}
    assert len(reports) == status["ready_workers"] > 0
    told = await asyncio.to_thread(_text, part.url + "/metrics")
    assert f"livetranslate_total_workers {status['total_workers']}.0" in told


async def test_a_pool_without_redis_waits_for_it_and_stops_in_order(tmp_path: Path):
    port, redis_port = free_port(), free_port()
    environment = {
        **SETTINGS,
        "REDIS_URL": f"redis://:a-secret@127.0.0.1:{redis_port}",
        "AUTO_RECOVERY": "false",
    }
    arguments = ["serve", "worker", "--workers", "1", "--port", str(port), "--host", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}"
    part = Part("alone", arguments, environment, tmp_path, url=url, ready="/health")
    part.start()
    try:
        await asyncio.to_thread(part.wait)
        health = await asyncio.to_thread(part.get, "/health")
        assert not health["ready"]
        assert f"redis: cannot be reached at 127.0.0.1:{redis_port}" in health["problems"][0]
        with redis_server(port=redis_port) as server:
            server.command("config", "set", "requirepass", "a-secret")
            async with asyncio.timeout(60):
                while not health["ready"]:
                    health = await asyncio.to_thread(part.get, "/health")
            assert health["problems"] == []
            await asyncio.to_thread(part.stop)
        assert part.exit_code == 0
        assert "a-secret" not in part.log
    finally:
        with suppress(RuntimeError):
            part.stop()


def test_a_pool_wants_a_redis(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "livetranslate", "serve", "worker"],
        env={**os.environ, "REDIS_URL": "off"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "REDIS_URL" in done.stderr and "Traceback" not in done.stderr


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()
