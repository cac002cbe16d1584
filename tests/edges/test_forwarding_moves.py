"""Orchestration without a shared log: a session goes on when its whisper instance is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest

from livetranslate.services.core import Core
from livetranslate.services.gateway.instances import Origin, make_instance
from livetranslate.services.server import HttpServer, bind, port_of, run_servers
from livetranslate.services.whisper import create_whisper_app
from support.cuttable_proxy import CuttableProxy
from support.edge_platform import Platform, platform_running
from support.scripted_edges import ScriptedWorker, chunk


@asynccontextmanager
async def another_whisper(platform: Platform) -> AsyncIterator[int]:
    """A second instance with a log and a worker of its own; yields its port."""
    core = Core(platform.core.settings, keeps_records=False)
    worker = ScriptedWorker(core.log, "other")
    await core.desk.report(worker.report())
    await core.start()
    bound = bind("127.0.0.1", 0, "--port")
    stop = asyncio.Event()
    server = HttpServer(create_whisper_app(core), bound, before_stop=core.edge.close)
    tasks = [
        asyncio.create_task(run_servers([server], stop)),
        asyncio.create_task(worker.run()),
    ]
    try:
        yield port_of(bound)
    finally:
        stop.set()
        await tasks[0]
        await core.close(grace_s=0.2)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def two_instances(tmp_path) -> AsyncIterator[tuple[Platform, dict[str, CuttableProxy]]]:
    """A platform whose two whisper instances are behind lines that can be cut, by address."""
    with ExitStack() as stack:
        async with platform_running(tmp_path, apart=True) as platform:
            async with another_whisper(platform) as port:
                fleet = platform.gateway.fleet
                ports = (platform.ports["whisper"], port)
                lines = [stack.enter_context(CuttableProxy(one)) for one in ports]
                by_url = {f"http://127.0.0.1:{one.port}": one for one in lines}
                for backend in fleet.backends("whisper"):
                    fleet.drop(backend.instance.instance_id)
                for url in by_url:
                    fleet.put(make_instance("whisper", url, 1, Origin.CONFIGURED))
                await asyncio.sleep(0.6)  # until both are connected
                yield platform, by_url


async def at(platform: Platform, session_id: str, lines: dict[str, CuttableProxy]) -> CuttableProxy:
    """The line over which a session's instance is reached."""
    states = await platform.whisper_core.log.sessions()
    first, second = lines.values()
    return first if any(state.session_id == session_id for state in states) else second


@pytest.mark.parametrize("sent", [4, 6])
async def test_a_session_goes_on_with_another_instance(tmp_path, sent):
    async with two_instances(tmp_path) as (platform, lines), platform.client() as client:
        await client.start("s1")
        for value in range(sent):
            await client.socket.send(chunk(value))
        last = " ".join(f"w{value}" for value in range((sent - 1) // 4 * 4, sent))
        await client.until("transcription_result", text=last)
        (await at(platform, "s1", lines)).cut()
        for value in range(sent, 10):
            await client.socket.send(chunk(value))
        await client.send(type="end_session", session_id="s1")
        ended = await client.until("session_ended")
    assert ended["reason"] == "client_ended"
    assert client.texts("s1") == ["w0 w1 w2 w3", "w4 w5 w6 w7", "w8 w9"]
    finals = [one for one in client.seen if one.get("is_final")]
    assert [one["start"] for one in finals] == pytest.approx([0.0, 0.4, 0.8])
    assert len({one["segment_id"] for one in finals}) == 3


async def test_sessions_are_spread_and_stay(tmp_path):
    async with two_instances(tmp_path) as (platform, lines):
        places: list[CuttableProxy] = []
        for number in range(4):
            async with platform.client() as client:
                await client.start(f"s{number}")
                for value in range(8):
                    await client.socket.send(chunk(value))
                await client.until("transcription_result", text="w4 w5 w6 w7")
                places.append(await at(platform, f"s{number}", lines))
        assert {id(one): places.count(one) for one in places} == {
            id(one): 2 for one in lines.values()
        }
