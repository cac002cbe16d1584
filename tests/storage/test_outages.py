"""The database goes away under live sessions: captions go on, all is written once afterwards."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine.interfaces import DBAPIConnection

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.session import SessionConfig
from livetranslate.sessions.clock import SystemClock
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.recorder import Recorder, RecorderOptions
from livetranslate.storage.database import Database
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate
from livetranslate.storage.tables import TranscriptRow
from support.cuttable_proxy import CuttableProxy
from support.events import T0, ended, segment, started, translation
from support.postgres import PostgresServer, postgres_server

QUICK = RecorderOptions(poll_s=0.5, first_retry_s=0.02, longest_retry_s=0.1)
A = "session-1-a"


class Live:
    """A live session whose recorder writes to a database that may go away."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.records = SqlSessionRecords(database)
        self.log = MemorySessionLog(LogOptions())
        self.recorder = Recorder(self.log, self.records, clock=SystemClock(), options=QUICK)
        self._said = 0

    async def open(self) -> None:
        await self.records.create(A, kind="api", config=SessionConfig(), created_at=T0)
        await self.log.create(A, SessionConfig(), to_record=True)
        self.recorder.follow(A)
        await self.log.append_system_events(A, [started(A)])

    async def say(self, count: int) -> None:
        """Add final segments with their translations to the log, as a worker does."""
        for number in range(self._said, self._said + count):
            await self.log.append_system_events(
                A, [segment(A, number, is_final=False), segment(A, number), translation(A, number)]
            )
        self._said += count

    async def written(self) -> None:
        async with asyncio.timeout(20):
            state = await self.log.state(A)
            while state.recorded < state.last_event_id:  # noqa: ASYNC110 - the log has no signal for it
                await asyncio.sleep(0.01)
                state = await self.log.state(A)

    async def failing(self) -> None:
        async with asyncio.timeout(20):
            while not self.recorder.state().waiting:  # noqa: ASYNC110 - nor has the recorder
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        """End the session, and check that all of it is there once and in order."""
        await self.log.append_system_events(A, [ended(A)])
        assert await self.recorder.drain(30)
        assert self.recorder.state().lost == 0
        async with self.database.read() as connection:
            query = select(TranscriptRow.segment_id).order_by(TranscriptRow.transcript_id)
            found = list((await connection.execute(query)).scalars())
        assert found == [f"s{number}" for number in range(self._said)]
        detail = await SessionHistory(self.database).session(A)
        assert (detail.status, detail.translations) == ("completed", self._said)


async def goes_on_while_away(live: Live) -> None:
    """Speak while the database is away: the log takes everything, the recorder says so."""
    await live.say(3)
    await live.failing()
    state = live.recorder.state()
    assert (state.sessions, state.waiting) == (1, 1)
    assert state.error
    await live.say(3)
    events = await live.log.read_events(A, 0)
    assert sum(getattr(one, "is_final", False) for one in events) >= 12


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[tuple[PostgresServer, int]]:
    """A server that may be killed, reached by TCP; what it confirmed survives its death."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    reached = {"listen_addresses": "127.0.0.1", "port": str(port)}
    with postgres_server(**reached, synchronous_commit="on", full_page_writes="on") as server:
        yield server, port


@pytest.fixture
async def by_proxy(
    own_postgres: tuple[PostgresServer, int],
) -> AsyncIterator[tuple[Live, CuttableProxy, PostgresServer]]:
    server, port = own_postgres
    server.create("outage")
    with CuttableProxy(port) as proxy:
        url = f"postgresql+asyncpg://tester@127.0.0.1:{proxy.port}/outage"
        options = DatabaseOptions(url=url, statement_timeout_s=1.0, connect_timeout_s=1.0)
        database = Database(options)
        await migrate(database)
        live = Live(database)
        await live.open()
        await live.say(2)
        await live.written()
        yield live, proxy, server
        await live.recorder.close()
        await database.close()
    server.drop("outage")


Outage = tuple[Live, CuttableProxy, PostgresServer]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_the_server_killed_or_stopped_and_started(
    by_proxy: Outage, how: signal.Signals
) -> None:
    live, _, server = by_proxy
    await asyncio.to_thread(server.stop, how)
    try:
        await goes_on_while_away(live)
    finally:
        await asyncio.to_thread(server.start)
    await live.written()
    assert live.recorder.state().waiting == 0
    await live.end()


async def test_the_network_cut_off(by_proxy: Outage) -> None:
    live, proxy, _ = by_proxy
    proxy.cut()
    await goes_on_while_away(live)
    proxy.away = False
    await live.end()


async def test_a_half_open_network_is_noticed_in_time(by_proxy: Outage) -> None:
    live, proxy, _ = by_proxy
    proxy.silent = True
    await goes_on_while_away(live)
    with pytest.raises(BackendUnavailable):
        await SessionHistory(live.database).sessions()
    proxy.cut()
    proxy.silent = proxy.away = False
    await live.end()


@pytest.fixture
async def on_sqlite(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Live]:
    file = tmp_path / "live.db"
    await asyncio.to_thread(file.write_bytes, await asyncio.to_thread(sqlite_template.read_bytes))
    url = f"sqlite+aiosqlite:///{file}"
    live = Live(Database(DatabaseOptions(url=url, busy_timeout_s=0.1)))
    await live.open()
    await live.say(2)
    await live.written()
    yield live
    await live.recorder.close()
    await live.database.close()


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        # What SQLite says of a disk without room is what it says of a file that may not grow.
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000"),
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    ],
    ids=["full disk", "read-only"],
)
async def test_a_file_that_cannot_be_written(on_sqlite: Live, begin: str, end: str) -> None:
    wanted = begin

    def on_checkout(connection: DBAPIConnection, *_: object) -> None:
        cursor = connection.cursor()
        cursor.execute(wanted)
        cursor.close()

    event.listen(on_sqlite.database.engine.sync_engine, "checkout", on_checkout)
    for _ in range(30):
        await on_sqlite.say(1)
    await goes_on_while_away(on_sqlite)
    wanted = end
    await on_sqlite.end()


async def test_a_file_that_another_process_holds(
    on_sqlite: Live, another_door: Callable[[Database], Database]
) -> None:
    other = another_door(on_sqlite.database)
    async with other.write() as connection:
        await connection.exec_driver_sql("UPDATE bot_sessions SET title = 'x'")
        await goes_on_while_away(on_sqlite)
    await on_sqlite.end()
    await other.close()


@pytest.fixture
def another_door() -> Callable[[Database], Database]:
    return lambda database: Database(database.options)
