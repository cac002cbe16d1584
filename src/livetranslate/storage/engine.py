"""SQLAlchemy engines for the two databases, set up alike."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from livetranslate.storage.options import DatabaseOptions

WRITES = "livetranslate_writes"
"""Execution option of a connection whose transaction writes."""

REST_S = 1.0
"""Seconds after which a connection that nobody used is asked whether it lives."""
_USED_AT = "livetranslate_used_at"

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def make_engine(options: DatabaseOptions) -> AsyncEngine:
    """Return an engine; connects to nothing yet."""
    url = make_url(options.url)
    common: dict[str, Any] = {
        "json_serializer": to_json,
        "json_deserializer": msgspec.json.decode,
        "hide_parameters": True,
    }
    if url.get_backend_name() == "postgresql":
        engine = create_async_engine(
            url,
            pool_size=options.pool_size,
            max_overflow=options.pool_max - options.pool_size,
            pool_timeout=options.connect_timeout_s,
            pool_use_lifo=True,
            connect_args={
                "timeout": options.connect_timeout_s,
                "command_timeout": options.statement_timeout_s,
                "server_settings": {"application_name": "livetranslate", "timezone": "UTC"},
            },
            **common,
        )
        _check_rested(engine)
        return engine
    engine = create_async_engine(url, **common)
    _set_up_sqlite(engine, options)
    _need_directory(engine, Path(url.database or "."))
    return engine


def _check_rested(engine: AsyncEngine) -> None:
    """Ask pooled connections whether they live before they are used again, if they rested.

    Asking takes three exchanges with the server, so one that was in use just now is only asked
    whether its end is known already.
    """

    def on_checkin(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[_USED_AT] = time.monotonic()

    def on_checkout(
        connection: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection
    ) -> None:
        used_at = entry.info.get(_USED_AT)
        if used_at is None:
            return
        if entry.driver_connection.is_closed():  # pyright: ignore[reportOptionalMemberAccess, reportUnknownMemberType] - asyncpg's own
            raise DisconnectionError("the server closed this connection")
        if time.monotonic() - used_at > REST_S and not _lives(engine, connection):
            raise DisconnectionError("the server does not answer on this connection")

    event.listen(engine.sync_engine, "checkin", on_checkin)
    event.listen(engine.sync_engine, "checkout", on_checkout)


def _lives(engine: AsyncEngine, connection: DBAPIConnection) -> bool:
    dialect = engine.sync_engine.dialect
    try:
        return dialect.do_ping(connection)
    except Exception as error:
        if dialect.is_disconnect(error, connection, None):  # pyright: ignore[reportArgumentType]
            return False
        raise


def _need_directory(engine: AsyncEngine, file: Path) -> None:
    """Refuse to connect where the file's directory is missing, before a thread is started."""

    def on_connecting(*_: object) -> None:
        if not file.parent.is_dir():
            raise FileNotFoundError(f"there is no directory {file.parent}")

    event.listen(engine.sync_engine, "do_connect", on_connecting)


def sqlite_file(options: DatabaseOptions) -> Path | None:
    """Return the file of a SQLite database, or None for PostgreSQL."""
    url = make_url(options.url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database)


def to_json(value: object) -> str:
    """Return JSON text that PostgreSQL takes too: without NUL characters."""
    text = msgspec.json.encode(value).decode()
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def _set_up_sqlite(engine: AsyncEngine, options: DatabaseOptions) -> None:
    """Make SQLite keep foreign keys, write ahead, and wait for locks.

    A writing transaction takes the write lock at its begin (``BEGIN IMMEDIATE``), so it never
    fails half-way because another one wrote meanwhile.
    """
    busy_ms = int(options.busy_timeout_s * 1000)

    def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # pyright: ignore[reportAttributeAccessIssue] - sqlite3's own
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {busy_ms}",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)
