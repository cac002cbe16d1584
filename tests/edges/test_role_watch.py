"""A role that hangs or crashes is started again; what stops it in order stays as it was."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import psutil
import pytest

from support.ports import free_port

START_S = 60


class Served:
    """``serve translation`` with its watch."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    def role(self) -> psutil.Process:
        """The process that serves."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    async def alive(self, timeout_s: float = 1.0) -> bool:
        """Whether the role answers."""
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return b"200 OK" in await reader.readline()
        except (OSError, TimeoutError):
            return False

    async def until_alive(self) -> None:
        async with asyncio.timeout(START_S):
            while not await self.alive():  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.1)


@pytest.fixture
async def served(tmp_path):
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livetranslate", "serve", "translation"),
        *("--host", "127.0.0.1", "--port", str(port)),
        cwd=tmp_path,
        env={**os.environ, "HEALTH_CHECK_INTERVAL": "2"},
        stderr=asyncio.subprocess.DEVNULL,
    )
    found = Served(process, port)
    await found.until_alive()
    yield found
    if process.returncode is None:
        process.kill()
        await process.wait()


async def test_a_hung_role_is_replaced_and_callers_who_came_meanwhile_are_served(served):
    before = served.role()
    # The watch has to have heard of the role once, or it leaves it the time to start.
    await asyncio.sleep(2.5)
    before.send_signal(signal.SIGSTOP)
    assert not await served.alive()
    assert await served.alive(timeout_s=START_S)  # it waits in the socket's queue
    assert served.role().pid != before.pid
    assert not before.is_running()


async def test_a_crashed_role_is_started_again(served):
    await asyncio.sleep(2.5)
    before = served.role()
    before.kill()
    await served.until_alive()
    assert served.role().pid != before.pid
    served.process.terminate()
    assert await asyncio.wait_for(served.process.wait(), START_S) == 0


async def test_the_role_does_not_outlive_its_watch(served):
    role = served.role()
    served.process.kill()
    await served.process.wait()
    async with asyncio.timeout(10):
        while role.is_running() and role.status() != "zombie":  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.05)
    assert not await served.alive()
