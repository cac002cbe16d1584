from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.support.postgres import postgres_server

from livetranslate.storage.database import Database
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.schema import migrate

DIALECTS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running server; started by the first test that needs it."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=DIALECTS)
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/test.db"
        return
    server: str = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    await _on_server(server, f"CREATE DATABASE {name}")
    yield server.replace("/postgres?", f"/{name}?")
    await _on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_database(empty_url: str) -> AsyncIterator[Database]:
    database = Database(DatabaseOptions(url=empty_url))
    yield database
    await database.close()


@pytest.fixture
async def database(empty_database: Database) -> Database:
    """A database with all tables, on each of both."""
    await migrate(empty_database)
    return empty_database


@pytest.fixture
def another(database: Database) -> Callable[[], Database]:
    """Makes a second door to the same database, as another process has one."""
    return lambda: Database(database.options)


async def _on_server(url: str, statement: str) -> None:
    server = Database(DatabaseOptions(url=url))
    try:
        async with server.engine.connect() as found:
            connection = await found.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(statement))
    finally:
        await server.close()
