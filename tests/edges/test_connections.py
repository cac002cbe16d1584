"""The register of live connections, by itself."""

from __future__ import annotations

import asyncio

import pytest

from livetranslate.domain.errors import Overloaded
from livetranslate.services.realtime.connections import (
    CROWD,
    SETTLE_S,
    Connection,
    Connections,
    Protocol,
)


class Owner:
    def shut_down(self, retry_after_s: float) -> None:
        raise AssertionError(retry_after_s)

    def idle(self, limit_s: float) -> None:
        raise AssertionError(limit_s)


def filled(connections: Connections, count: int) -> list[Connection]:
    made = [Connection(Protocol.WEBSOCKET, address="", user_agent="") for _ in range(count)]
    for one in made:
        connections.add(one, Owner())
    return made


@pytest.fixture
def looks():
    return []


@pytest.fixture
async def connections(looks):
    return Connections(
        3 * CROWD,
        idle_timeout_s=1e6,
        shutdown_spread_s=1.0,
        on_crowd_gone=lambda: looks.append(asyncio.get_running_loop().time()),
    )


async def test_memory_is_looked_at_once_when_a_crowd_has_gone(connections, looks):
    crowd = filled(connections, 2 * CROWD)
    for one in crowd[:CROWD]:
        connections.remove(one)
    await asyncio.sleep(2 * SETTLE_S)
    assert looks == []
    for one in crowd[CROWD:]:
        connections.remove(one)
    await asyncio.sleep(2 * SETTLE_S)
    assert len(looks) == 1
    for one in filled(connections, CROWD - 1):
        connections.remove(one)
    await asyncio.sleep(2 * SETTLE_S)
    assert len(looks) == 1


async def test_what_is_too_many_is_refused_and_not_held(connections):
    crowd = filled(connections, 3 * CROWD)
    with pytest.raises(Overloaded, match="WEBSOCKET_MAX_CONNECTIONS"):
        filled(connections, 1)
    assert (len(connections), connections.peak) == (3 * CROWD, 3 * CROWD)
    connections.remove(crowd[0])
    filled(connections, 1)
