"""Inserts of many rows at once, by the shortest way each driver offers.

The rows' values are brought into the driver's form here instead of by a compiled statement, which
for rows of final segments takes longer than the database itself. PostgreSQL gets each column as one
array, so that any number of rows is one statement which is planned once; SQLite's driver takes the
rows one after the other within a single call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Column, Dialect, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import String

from livetranslate.storage.rows import Row
from livetranslate.storage.tables import Base


class RowInsert:
    """INSERT into some columns of a table that leaves a row alone that is there already.

    Args:
        table: Where to.
        columns: Names of the columns that every row has.
    """

    def __init__(self, table: type[Base], columns: Iterable[str]) -> None:
        self._table: Table = table.__table__  # pyright: ignore[reportAttributeAccessIssue] - a Table
        self._columns = tuple(columns)
        self._ready: dict[str, _Prepared] = {}

    async def run(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Insert the rows in their order, in the connection's transaction."""
        dialect = connection.dialect
        prepared = self._ready.get(dialect.name)
        if prepared is None:
            columns = [self._table.c[name] for name in self._columns]
            prepared = self._ready[dialect.name] = _Prepared(self._table.name, columns, dialect)
        if dialect.name == "postgresql":
            await connection.exec_driver_sql(prepared.arrays, prepared.by_column(rows))
        else:
            await connection.exec_driver_sql(prepared.marks, prepared.by_row(rows))


class _Prepared:
    """What an insert needs in one dialect: the statement and how values are brought to the driver.

    Args:
        table: Name of the table.
        columns: Those that are written.
        dialect: The database and its driver.
    """

    def __init__(self, table: str, columns: Sequence[Column[Any]], dialect: Dialect) -> None:
        self._table = table
        self._columns = columns
        self._dialect = dialect
        self._ways = [(column.name, _bind(column, dialect)) for column in columns]

    @cached_property
    def marks(self) -> str:
        """The statement that takes one row."""
        return f"{self._into} VALUES ({', '.join('?' for _ in self._columns)}) {_ONCE}"

    @cached_property
    def arrays(self) -> str:
        """The statement that takes an array of values for each column."""
        arrays = (
            f"${number}::{_element(column, self._dialect)}[]"
            for number, column in enumerate(self._columns, start=1)
        )
        return f"{self._into} SELECT * FROM unnest({', '.join(arrays)}) {_ONCE}"  # noqa: S608 - types

    def by_row(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """Return each row's values in the order of the columns."""
        return [
            tuple([row[name] if bind is None else bind(row[name]) for name, bind in self._ways])
            for row in rows
        ]

    def by_column(self, rows: Sequence[Row]) -> tuple[list[Any], ...]:
        """Return each column's values in the order of the rows."""
        return tuple(
            [row[name] for row in rows] if bind is None else [bind(row[name]) for row in rows]
            for name, bind in self._ways
        )

    @property
    def _into(self) -> str:
        names = ", ".join(column.name for column in self._columns)
        return f"INSERT INTO {self._table} ({names})"  # noqa: S608 - names of the models


_ONCE = "ON CONFLICT DO NOTHING"


def _bind(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    return column.type.dialect_impl(dialect).bind_processor(dialect)


def _element(column: Column[Any], dialect: Dialect) -> str:
    """Return the type of a column's array elements.

    Texts have none with a length: a cast to that would cut what is too long, which the column
    itself refuses.
    """
    if isinstance(column.type, String):
        return "TEXT"
    return str(column.type.dialect_impl(dialect).compile(dialect=postgresql.dialect()))
