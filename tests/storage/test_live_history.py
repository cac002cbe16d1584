"""Reads of live sessions come from memory while nothing changed, and are true in every process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.domain.errors import NotFound
from livetranslate.domain.session import SessionConfig
from livetranslate.storage.database import Database
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.live import LiveHistory, VersionedLru
from livetranslate.storage.records import SqlSessionRecords
from support.events import T0, segment


class Versions:
    """What the log tells of live sessions; shared by all processes."""

    def __init__(self) -> None:
        self.of: dict[str, int] = {}

    async def version(self, session_id: str) -> int | None:
        return self.of.get(session_id)


class Process:
    """A door to the database with its own cache."""

    def __init__(self, database: Database, versions: Versions, **bounds: int) -> None:
        self.database = database
        self.records = SqlSessionRecords(database)
        self.live = LiveHistory(SessionHistory(database), versions.version, **bounds)

    async def texts(self, session_id: str) -> list[str]:
        return [one.text for one in (await self.live.transcript(session_id)).segments]

    @property
    def reads(self) -> int:
        return self.database.load().passed


@pytest.fixture
def versions() -> Versions:
    return Versions()


@pytest.fixture
def mine(database: Database, versions: Versions) -> Process:
    return Process(database, versions)


async def create(process: Process, name: str, created_at: datetime = T0) -> None:
    await process.records.create(name, kind="api", config=SessionConfig(), created_at=created_at)


async def test_a_live_session_is_read_once_until_it_changes(
    mine: Process, versions: Versions
) -> None:
    await create(mine, "s")
    versions.of["s"] = 0
    assert (await mine.live.session("s")).segments == 0
    before = mine.reads
    for _ in range(5):
        assert (await mine.live.session("s")).segments == 0
    assert mine.reads == before
    await mine.records.record("s", [segment("s", 0, "one")])
    versions.of["s"] = 10
    assert (await mine.live.session("s")).segments == 1
    assert await mine.texts("s") == ["one"]
    load = mine.live.load()
    assert (load.hits, load.misses, load.entries) == (5, 3, 2)


async def test_what_another_process_writes_or_removes_is_seen_at_once(
    mine: Process, versions: Versions, another: Callable[[], Database]
) -> None:
    other = Process(another(), versions)
    await create(mine, "s")
    versions.of["s"] = 0
    assert await mine.texts("s") == await other.texts("s") == []
    await other.records.record("s", [segment("s", 0, "one")])
    versions.of["s"] = 10
    assert await mine.texts("s") == ["one"]
    await other.records.delete("s")
    del versions.of["s"]
    for read in (mine.live.session, mine.live.transcript):
        with pytest.raises(NotFound):
            await read("s")
    assert mine.live.load().entries == 0
    await other.database.close()


async def test_past_sessions_are_not_kept(mine: Process) -> None:
    await create(mine, "s")
    await mine.live.session("s")
    await mine.records.record("s", [segment("s", 0)])
    assert (await mine.live.session("s")).segments == 1
    assert mine.live.load().entries == 0


async def test_a_session_that_is_not_there_is_not_kept(mine: Process, versions: Versions) -> None:
    versions.of["s"] = 0
    with pytest.raises(NotFound):
        await mine.live.session("s")
    await create(mine, "s")
    assert (await mine.live.session("s")).status == "initializing"


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2), st.integers(0, 6))))
def test_a_cache_holds_the_newest_asked_for_within_its_bounds(
    steps: list[tuple[str, int, int]],
) -> None:
    cache, model = VersionedLru[object](3, 10), dict[str, tuple[int, int, object]]()
    for name, version, weight in steps:
        kept = model.pop(name, None)
        expected = kept[2] if kept and kept[0] == version else None
        assert cache.get(name, version) is expected
        if expected is None:
            expected = object()
            cache.put(name, version, expected, weight)
            model[name] = (version, weight, expected)
        elif kept:
            model[name] = kept
        while len(model) > 3 or sum(one[1] for one in model.values()) > 10:
            del model[next(iter(model))]
        assert len(cache) == len(model)


def test_what_is_too_heavy_alone_is_not_kept() -> None:
    cache = VersionedLru[str](3, 10)
    cache.put("a", 1, "light", 10)
    cache.put("b", 1, "heavy", 11)
    assert (cache.get("a", 1), cache.get("b", 1)) == ("light", None)
