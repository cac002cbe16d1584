"""A statement that takes too long is given up, but not one of a migration or a backup."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from sqlalchemy import text

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.storage.database import Database


async def test_a_slow_statement(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("a file answers or waits for a lock, which has its own time")
    slow = text("SELECT pg_sleep(0.5)")
    hasty = Database(msgspec.structs.replace(database.options, statement_timeout_s=0.1))
    with pytest.raises(BackendUnavailable):
        async with hasty.read() as connection:
            await connection.execute(slow)
    async with hasty.patient() as door, door.read() as connection:
        await connection.execute(slow)
    async with hasty.read() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await hasty.close()


async def test_more_operations_than_may_run_at_once_wait_and_are_counted(
    database: Database,
) -> None:
    narrow = Database(msgspec.structs.replace(database.options, max_operations=3))
    running: list[int] = []

    async def read() -> None:
        async with narrow.read() as connection:
            running.append(narrow.load().running)
            await connection.execute(text("SELECT 1"))
            await asyncio.sleep(0.01)

    await asyncio.gather(*(read() for _ in range(12)))
    load = narrow.load()
    assert max(running) == 3
    assert (load.running, load.waiting, load.passed) == (0, 0, 12)
    assert 0 < load.longest_wait_s <= load.waited_s
    await narrow.close()
