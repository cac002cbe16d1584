"""Ended sessions are removed after their time, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from livetranslate.domain.errors import BackendUnavailable, Conflict
from livetranslate.sessions.retention import Retention, RetentionOptions
from support.clock import EPOCH, VirtualClock

OPTIONS = RetentionOptions(days=7, pause_s=3600.0, retry_s=60.0, portion=3)


class Archive:
    """Ended sessions with the days since their end."""

    def __init__(self, days: dict[str, float]) -> None:
        self.ended = {name: EPOCH - timedelta(days=age) for name, age in days.items()}
        self.looks = 0
        self.away = False
        self.refused: set[str] = set()
        self.leads = True
        self.swept: asyncio.Queue[None] = asyncio.Queue()

    async def leftovers(self) -> int:
        self.swept.put_nowait(None)
        return 0

    async def ended_before(self, moment: datetime, limit: int) -> Sequence[str]:
        self.looks += 1
        if self.away:
            raise BackendUnavailable("the database is away")
        due = sorted((at, name) for name, at in self.ended.items() if at < moment)
        return [name for _, name in due[:limit]]

    async def remove(self, session_id: str) -> None:
        if session_id in self.refused:
            raise Conflict("no")
        del self.ended[session_id]


@pytest.fixture
def archive() -> Archive:
    ages = {f"old-{number}": 7.1 + number for number in range(10)}
    return Archive({**ages, "new": 6.9, "today": 0.0})


@pytest.fixture
def retention(archive: Archive) -> Retention:
    return retention_of(archive, OPTIONS)


def retention_of(archive: Archive, options: RetentionOptions) -> Retention:
    return Retention(
        archive,
        archive.remove,
        archive.leftovers,
        lambda: archive.leads,
        clock=VirtualClock(),
        options=options,
    )


async def test_what_is_older_goes_and_the_rest_stays(archive: Archive, retention: Retention):
    assert await retention.sweep() == 10
    assert set(archive.ended) == {"new", "today"}
    assert await retention.sweep() == 0


async def test_one_that_is_refused_holds_up_no_other(archive: Archive, retention: Retention):
    archive.refused = {"old-9", "old-8", "old-7", "old-2"}
    assert await retention.sweep() == 6
    assert set(archive.ended) == {"new", "today", *archive.refused}


async def test_it_goes_on_when_the_database_is_back(archive: Archive, retention: Retention):
    archive.away = True
    with pytest.raises(BackendUnavailable):
        await retention.sweep()
    running = asyncio.create_task(retention.run())
    await asyncio.sleep(100)
    archive.away = False
    await asyncio.sleep(100)
    assert set(archive.ended) == {"new", "today"}
    looks = archive.looks
    await asyncio.sleep(3500)
    assert archive.looks == looks
    await asyncio.sleep(86_400)
    assert set(archive.ended) == {"today"}
    running.cancel()


async def test_only_one_process_does_it(archive: Archive, retention: Retention):
    archive.leads = False
    running = asyncio.create_task(retention.run())
    await asyncio.sleep(86_400)
    assert archive.looks == 0
    archive.leads = True
    await asyncio.sleep(61)
    assert "old-0" not in archive.ended
    running.cancel()


async def test_what_is_left_over_goes_also_where_sessions_are_kept_for_good(archive: Archive):
    retention = retention_of(archive, RetentionOptions(days=None, pause_s=0.01))
    running = asyncio.create_task(retention.run())
    async with asyncio.timeout(5):
        for _ in range(2):
            await archive.swept.get()
    running.cancel()
    assert len(archive.ended) == 12 and archive.looks == 0


async def test_only_the_one_that_leads_takes_what_is_left_over(archive: Archive):
    archive.leads = False
    options = RetentionOptions(days=7, pause_s=0.01, retry_s=0.01)
    running = asyncio.create_task(retention_of(archive, options).run())
    await asyncio.sleep(0.1)
    running.cancel()
    assert archive.swept.empty() and len(archive.ended) == 12
