"""Live sessions on several hosts: one dies, one is cut off, and no transcript shows it.

Orchestration, Redis and the database are on one host, the workers on two others; the hosts are
network namespaces (``support.hosts``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.distributed import Distributed
from support.hosts import Host, network, why_not
from support.redis_server import redis_server
from support.survival import CLAIM_TTL_S, SETTINGS, Speaking, disturbed, rehearse, speeches

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=str(why_not())),
    pytest.mark.timeout(300),
]

LIMIT_S = 3 * CLAIM_TTL_S

Hosts = tuple[Distributed, list[Host]]


@pytest.fixture
def hosts(database: str, tmp_path: Path) -> Iterator[Hosts]:
    """An installation on three hosts; the second and the third have two workers each."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        made = [net.host() for _ in range(3)]
        centre, *others = made
        redis = stack.enter_context(
            redis_server(append_only=True, address=centre.address, prefix=centre.prefix)
        )
        platform = Distributed(tmp_path, redis, database, SETTINGS)
        platform.orchestration(centre)
        for other in others:
            platform.worker(other, workers=2)
        stack.callback(platform.stop)
        yield platform.start(), others


async def a_host_dies_and_another_is_cut_off(
    hosts: Hosts, sessions: int, seconds: float, cut_s: float
) -> None:
    platform, (one, other) = hosts
    rehearsed = await rehearse(platform.websockets[0], speeches(sessions, seconds))
    moments: list[tuple[str, float]] = []

    async def disturb(_: Speaking) -> None:
        moments.append(("killed", time.monotonic()))
        await asyncio.to_thread(one.kill)
        await asyncio.sleep(LIMIT_S)
        await asyncio.to_thread(platform.start)
        moments.append(("cut off", time.monotonic()))
        other.cut()
        try:
            await asyncio.sleep(cut_s)
        finally:
            other.connect()
        moments.append(("back", time.monotonic()))

    heard = await disturbed(platform.websockets, rehearsed, disturb)
    for what, moment in moments:
        silences = [captions.silence_at(moment, 2 * LIMIT_S) for captions in heard]
        assert max(silences) < LIMIT_S, (what, silences)


async def test_a_host_dies_and_another_is_cut_off(hosts: Hosts):
    await a_host_dies_and_another_is_cut_off(hosts, sessions=5, seconds=25, cut_s=LIMIT_S)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_the_same_with_twenty_sessions(hosts: Hosts):
    await a_host_dies_and_another_is_cut_off(hosts, sessions=20, seconds=60, cut_s=20)
