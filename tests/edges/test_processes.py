"""The programs' manners: they say where they are, and stop when they are told to."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys

import pytest

STARTUP_S = 60
ADDRESS = re.compile(r"(?:Web app|on) +http://[^:\s]+:(\d+)")


async def start(folder, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livetranslate", *arguments),
        cwd=folder,
        env={**os.environ, "REDIS_URL": "off"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def port_told(process: asyncio.subprocess.Process) -> int:
    """Return the first port that the program tells."""
    async with asyncio.timeout(STARTUP_S):
        while line := (await process.stderr.readline()).decode():
            if found := ADDRESS.search(line):
                return int(found.group(1))
    raise AssertionError("the program ended before it told its address")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_role_stops_when_it_is_told_to(number, tmp_path):
    process = await start(tmp_path, "serve", "orchestration", "--port", "0", "--host", "127.0.0.1")
    port = await port_told(process)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"200 OK" in await asyncio.wait_for(reader.read(), STARTUP_S)
    process.send_signal(number)
    told = await asyncio.wait_for(process.stderr.read(), STARTUP_S)
    assert await process.wait() == 0, told.decode()


async def test_up_runs_everything_and_stops_with_its_workers(tmp_path):
    ports = ("--port", "0", "--whisper-port", "0", "--translation-port", "0")
    process = await start(tmp_path, "up", "--host", "127.0.0.1", *ports)
    port = await port_told(process)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /api/services HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    told = await asyncio.wait_for(reader.read(), STARTUP_S)
    assert told.count(b'"status":"healthy"') >= 2
    process.send_signal(signal.SIGINT)
    # The workers share the program's standard error: it ends only with the last of them.
    rest = await asyncio.wait_for(process.stderr.read(), STARTUP_S)
    assert await process.wait() == 0, rest.decode()


async def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "var").write_text("a file where the folder should be")
    process = await start(tmp_path, "serve", "orchestration", "--port", "0", "--host", "127.0.0.1")
    told = (await asyncio.wait_for(process.stderr.read(), STARTUP_S)).decode()
    assert await process.wait() == 1
    assert "LIVETRANSLATE_DATA" in told
    assert "Traceback" not in told


async def test_a_port_in_use_is_named_with_its_option(tmp_path):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await start(tmp_path, "up", "--port", str(port))
        _, told = await asyncio.wait_for(process.communicate(), STARTUP_S)
    assert process.returncode == 1
    assert f"port {port} is in use" in told.decode()
    assert "--port" in told.decode()
