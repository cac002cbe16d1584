"""What health and figures say while the database cannot be written, and afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from livetranslate.domain.session import SessionConfig
from livetranslate.services.api.database_figures import database_gauges
from livetranslate.services.api.health import health
from livetranslate.services.core import Core
from livetranslate.settings import load_settings
from livetranslate.storage.database import Database
from support.sessions import ended, started, text

A = "session-1-a"


class Feeder:
    """A connection that nobody tells anything."""

    def taken_over(self, session_id: str) -> None:
        raise AssertionError("nobody takes it")


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    core = Core(
        load_settings(livetranslate_data=tmp_path / "data", config_file=None), keeps_records=True
    )
    assert core.database is not None

    def impatient(connection: DBAPIConnection, *_: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 20")
        cursor.close()

    event.listen(core.database.engine.sync_engine, "connect", impatient)
    await core.start()
    yield core
    await core.close(grace_s=1.0)


async def gauges(core: Core) -> dict[str, float]:
    return {one.name: one.values[()] for one in database_gauges(core)}


async def until(core: Core, waiting: int) -> dict[str, object]:
    async with asyncio.timeout(20):
        while (found := await health(core, "x"))["recorder"]["waiting"] != waiting:  # noqa: ASYNC110 - it has no signal
            await asyncio.sleep(0.02)
    return found


async def test_health_tells_what_waits_and_for_how_long(core: Core) -> None:
    assert core.database is not None
    await core.manager.open(A, SessionConfig(), kind="api", feeder=Feeder())
    await core.log.append_system_events(A, [started(A)])
    before = await until(core, waiting=0)
    assert before["recorder"]["error"] is None
    other = Database(core.database.options)
    async with other.write() as connection:
        await connection.exec_driver_sql("UPDATE bot_sessions SET title = 'held'")
        await core.log.append_system_events(A, [text(A, "on it goes", final=True)])
        held = await until(core, waiting=1)
        assert "locked" in held["recorder"]["error"]
        assert held["recorder"]["failing_s"] > 0
        assert (await gauges(core))["recorder_waiting"] == 1
    await other.close()
    await until(core, waiting=0)
    await core.log.append_system_events(A, [ended(A)])
    assert core.kept is not None
    detail = await core.kept.live.session(A)
    assert (detail.status, detail.segments) == ("completed", 1)
    told = await gauges(core)
    assert told["database_passed"] > 0
    assert (told["recorder_waiting"], told["recorder_lost"]) == (0, 0)
