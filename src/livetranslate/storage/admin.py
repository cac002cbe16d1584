"""What an operator does to the database: set it up, upgrade it, look at it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from sqlalchemy import Connection, func, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.storage.database import Database, away, sqlstate_of
from livetranslate.storage.engine import make_engine, sqlite_file
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.schema import (
    current_revision,
    head_revision,
    migrate,
    missing_indexes,
)
from livetranslate.storage.tables import Base

NO_SUCH_DATABASE = "3D000"
"""PostgreSQL's code for it."""


class DatabaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a database.

    Attributes:
        url: Where it is, without the password.
        connected: Whether it answers.
        error: Why it does not.
        server: Its name and version.
        revision: Revision of its schema; None without tables.
        head: Newest revision that this program knows.
        up_to_date: Whether they are the same.
        rows: Table → number of rows.
        missing_indexes: Indexes and unique keys that should be there and are not.
    """

    url: str
    connected: bool
    error: str | None = None
    server: str | None = None
    revision: str | None = None
    head: str | None = None
    up_to_date: bool = False
    rows: dict[str, int] = {}
    missing_indexes: list[str] = []


async def init(options: DatabaseOptions) -> str | None:
    """Make the database where there is none, bring its tables to the newest revision, return it.

    Raises:
        BackendUnavailable: The database server cannot be reached, or lets us make no database.
    """
    file = sqlite_file(options)
    if file is not None:
        await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
    database = Database(options)
    try:
        if not database.is_sqlite:
            await _make_postgres_database(options)
        return await migrate(database)
    finally:
        await database.close()


async def status(database: Database) -> DatabaseStatus:
    """Return the state of a database; one that does not answer is a state too."""
    url = make_url(database.options.url).render_as_string(hide_password=True)
    head = head_revision()
    try:
        async with database.read() as connection:
            found: dict[str, Any] = await connection.run_sync(_look)
    except BackendUnavailable as error:
        return DatabaseStatus(url=url, connected=False, error=error.message, head=head)
    return DatabaseStatus(
        url=url, connected=True, head=head, up_to_date=found["revision"] == head, **found
    )


def _look(connection: Connection) -> dict[str, Any]:
    dialect = connection.dialect
    present = set(inspect(connection).get_table_names())
    version = ".".join(str(part) for part in dialect.server_version_info or ())
    return {
        "server": f"{dialect.name} {version}",
        "revision": current_revision(connection),
        "rows": {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in Base.metadata.sorted_tables
            if table.name in present
        },
        "missing_indexes": missing_indexes(connection),
    }


async def _make_postgres_database(options: DatabaseOptions) -> None:
    """Make the database that the URL names, if the server has none of that name."""
    url = make_url(options.url)
    probe = make_engine(options)
    try:
        async with probe.connect():
            return
    except (OSError, DBAPIError) as error:
        if sqlstate_of(error) != NO_SUCH_DATABASE:
            raise away(error) from error
    finally:
        await probe.dispose()
    server = create_async_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    try:
        async with server.connect() as connection:
            name = server.dialect.identifier_preparer.quote(url.database or "")
            await connection.execute(text(f"CREATE DATABASE {name}"))
    except (OSError, DBAPIError) as error:
        reason = getattr(error, "orig", error)
        raise BackendUnavailable(
            f"there is no database {url.database}, and none can be made: {reason}"
        ) from error
    finally:
        await server.dispose()
