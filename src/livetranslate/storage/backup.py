"""Backups that fit either database: gzip of MessagePack, a header and then the rows table by table.

A backup tells the revision of its schema. Restoring drops everything, goes to that revision, puts
the rows in and migrates to the newest one, all in one transaction: a backup of SQLite may go into
PostgreSQL and the other way, an old one into a newer program, and a broken one changes nothing.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import JSON, Connection, DateTime, Integer, MetaData, Table, func, select, text

from livetranslate.domain.errors import InvalidInput, NotFound
from livetranslate.storage.database import Database
from livetranslate.storage.schema import BASE, HEAD, current_revision, knows, migrate_on

T = TypeVar("T")

FORMAT = "livetranslate-backup-1"
ROWS_AT_ONCE = 500
_LENGTH = 4
_PASSING_TABLES = ("alembic_version", "search_")


class BackupHeader(msgspec.Struct, frozen=True, kw_only=True, tag_field="format", tag=FORMAT):
    """What a backup says of itself.

    Attributes:
        revision: Revision of the schema.
        created_at: UTC.
        rows: Table → number of rows, in the order they are written.
    """

    revision: str
    created_at: datetime
    rows: dict[str, int]


async def backup(database: Database, file: Path, *, at: datetime) -> BackupHeader:
    """Write all rows as of one moment to a file, which appears once it is complete.

    Raises:
        NotFound: The database has no tables yet.
        InvalidInput: The file cannot be written.
    """
    partial = file.with_name(f"{file.name}.partial")
    try:
        with _file_errors(file), gzip.open(partial, "wb") as stream:
            async with database.patient() as door, door.read() as connection:
                if not database.is_sqlite:
                    snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
                    await connection.execute(text(snapshot))
                header = await connection.run_sync(_dump, Frames(stream, file), at)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return header


async def restore(database: Database, file: Path) -> BackupHeader:
    """Replace everything in the database by what a backup holds.

    Raises:
        InvalidInput: The file is no backup, is damaged, or comes from a newer program.
    """
    with _file_errors(file), gzip.open(file, "rb") as stream:
        frames = Frames(stream, file)
        header = frames.read(BackupHeader)
        if not knows(header.revision):
            raise InvalidInput(
                f"the backup is of revision {header.revision}, which this program does not know;"
                " restore it with the version that made it, or a newer one",
                field=str(file),
            )
        async with database.patient() as door, door.write() as connection:
            await connection.run_sync(_load, frames, header)
    return header


class Frames:
    """Length-prefixed MessagePack in a file.

    Args:
        stream: The open file.
        file: Its name, for messages.
    """

    def __init__(self, stream: gzip.GzipFile, file: Path) -> None:
        self._stream = stream
        self._file = file

    def write(self, value: object) -> None:
        """Append a value; raises InvalidInput if the file cannot be written."""
        data = msgspec.msgpack.encode(value)
        with _file_errors(self._file):
            self._stream.write(len(data).to_bytes(_LENGTH, "big") + data)

    def read(self, kind: type[T]) -> T:
        """Return the next value; raises InvalidInput if it is no such one or damaged."""
        with _file_errors(self._file):
            length = int.from_bytes(self._exactly(_LENGTH), "big")
            return msgspec.msgpack.decode(self._exactly(length), type=kind)

    def end(self) -> None:
        """Check that nothing follows, and by that the file's check sum."""
        with _file_errors(self._file):
            if self._stream.read(1):
                raise EOFError("more follows than was announced")

    def _exactly(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) != length:
            raise EOFError("it ends too early")
        return data


@contextmanager
def _file_errors(file: Path) -> Generator[None, None, None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as error:
        raise InvalidInput(f"the backup {file} is of no use: {error}", field=str(file)) from error


def _dump(connection: Connection, frames: Frames, at: datetime) -> BackupHeader:
    revision = current_revision(connection)
    if revision is None:
        raise NotFound("the database has no tables to save; run `livetranslate db init` first")
    tables = _tables(connection)
    counts = {
        str(table.name): connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in tables
    }
    header = BackupHeader(revision=revision, created_at=at, rows=counts)
    frames.write(header)
    for table in tables:
        frames.write([str(name) for name in table.columns.keys()])
        found = connection.execute(table.select().execution_options(yield_per=ROWS_AT_ONCE))
        for portion in found.partitions(ROWS_AT_ONCE):
            frames.write([[_with_zone(value) for value in row] for row in portion])
        frames.write([])
    return header


def _load(connection: Connection, frames: Frames, header: BackupHeader) -> None:
    migrate_on(connection, BASE)
    migrate_on(connection, header.revision)
    tables = {table.name: table for table in _tables(connection)}
    for name in header.rows:
        _fill(connection, tables[name], frames)
    frames.end()
    migrate_on(connection, HEAD)


def _fill(connection: Connection, table: Table, frames: Frames) -> None:
    """Insert a table's rows, and let the database's own numbering go on behind them."""
    columns = frames.read(list[str])
    naive = {
        index
        for index, name in enumerate(columns)
        if connection.dialect.name == "sqlite" and isinstance(table.c[name].type, DateTime)
    }
    while portion := frames.read(list[list[Any]]):
        rows = [
            {
                name: _without_zone(value) if index in naive else value
                for index, (name, value) in enumerate(zip(columns, row, strict=True))
            }
            for row in portion
        ]
        connection.execute(table.insert(), rows)
    key = next(iter(table.primary_key))
    if connection.dialect.name == "postgresql" and isinstance(key.type, Integer):
        sequence = func.pg_get_serial_sequence(table.name, key.name)
        highest = select(func.max(key)).scalar_subquery()
        connection.execute(select(func.setval(sequence, func.coalesce(highest, 1))))


def _tables(connection: Connection) -> list[Table]:
    """Return the tables as they are in the database, each behind those it refers to."""
    metadata = MetaData()
    metadata.reflect(connection)
    tables = [
        table for table in metadata.sorted_tables if not table.name.startswith(_PASSING_TABLES)
    ]
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type.none_as_null = True
    return tables


def _with_zone(value: Any) -> Any:
    naive = isinstance(value, datetime) and value.tzinfo is None
    return value.replace(tzinfo=UTC) if naive else value


def _without_zone(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC).replace(tzinfo=None) if value else None
