"""The door to the database: bounded operations, transactions, and failures told in our terms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import msgspec
from sqlalchemy import Insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from livetranslate.domain.errors import BackendUnavailable, LiveTranslateError
from livetranslate.storage.engine import WRITES, make_engine
from livetranslate.storage.gate import Gate, GateLoad
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.tables import Base

RETRY_AFTER_S = 2.0

_PASSING_CLASSES = {"08", "28", "3D", "53", "57", "58"}
"""SQLSTATE classes of PostgreSQL that may pass: no connection, no access yet, no database yet, no
resources, shut down, a fault of its system."""

_PASSING_STATES = {"40001", "40P01"}
"""Transactions that got in each other's way."""

_NO_SUCH_TABLE = {"42P01", "42703"}


class Database:
    """One database, used by everything in this process that stores or reads.

    At most ``max_operations`` transactions run at once; the others wait and are measured. Writers
    to SQLite queue here instead of on the file's lock.

    Args:
        options: Where it is.
    """

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        self.engine: AsyncEngine = make_engine(options)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._gate = Gate(options.max_operations)
        self._writer = asyncio.Lock() if self.is_sqlite else None

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection, None]:
        """Yield a connection in a transaction that only reads; raises BackendUnavailable."""
        async with self._gate.enter(), _told_in_our_terms(), self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection, None]:
        """Yield a connection in a transaction, committed at the end unless an error passes.

        Raises:
            BackendUnavailable: The database cannot be reached, is locked or full; try again.
        """
        turn: AbstractAsyncContextManager[Any] = self._writer or nullcontext()
        async with self._gate.enter(), turn, _told_in_our_terms(), self.engine.connect() as found:
            connection = await found.execution_options(**{WRITES: True})
            async with connection.begin():
                yield connection

    def insert(self, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
        """Return an INSERT that knows ON CONFLICT."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def insert_once(self, table: type[Base]) -> Insert:
        """Return an INSERT that leaves a row alone that is there already."""
        return self.insert(table).on_conflict_do_nothing()

    def load(self) -> GateLoad:
        """Return how many operations run and wait."""
        return self._gate.load()

    @asynccontextmanager
    async def patient(self) -> AsyncGenerator[Database, None]:
        """Yield another door to the same database, behind which a statement may take its time.

        For what works on whole tables: migrations, backups.
        """
        door = Database(msgspec.structs.replace(self.options, statement_timeout_s=None))
        try:
            yield door
        finally:
            await door.close()

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


@asynccontextmanager
async def _told_in_our_terms() -> AsyncGenerator[None, None]:
    """Turn failures that may pass into BackendUnavailable; let faults of ours through."""
    try:
        yield
    except (LiveTranslateError, IntegrityError):
        raise
    except DBAPIError as error:
        if _lacks_tables(error):
            raise BackendUnavailable(
                "the database has no tables yet, or old ones; `livetranslate db migrate` mends it",
                retry_after_s=RETRY_AFTER_S,
            ) from error
        state = sqlstate_of(error)
        passing = state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
        if passing or isinstance(error, OperationalError) or error.connection_invalidated:
            raise away(error) from error
        raise
    except (OSError, TimeoutError, PoolTimeout) as error:
        raise away(error) from error


def sqlstate_of(error: Exception) -> str:
    """Return PostgreSQL's code of an error, or an empty text."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def away(error: Exception) -> BackendUnavailable:
    """Return the error that says that the database does not answer, and why."""
    reason = str(getattr(error, "orig", error)).strip() or type(error).__name__
    return BackendUnavailable(
        f"the database does not answer: {reason.splitlines()[0]}", retry_after_s=RETRY_AFTER_S
    )


def _lacks_tables(error: DBAPIError) -> bool:
    missing = any(words in str(error.orig) for words in ("no such table", "no such column"))
    return missing or sqlstate_of(error) in _NO_SUCH_TABLE
