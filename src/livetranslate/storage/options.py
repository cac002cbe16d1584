"""Options of the database."""

from __future__ import annotations

import msgspec

from livetranslate.domain.errors import InvalidInput

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}


class DatabaseOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where the database is and how hard it may be worked.

    Attributes:
        url: ``sqlite+aiosqlite:///file`` or ``postgresql+asyncpg://…``.
        pool_size: Connections kept open to PostgreSQL.
        pool_max: Connections to PostgreSQL at most.
        max_operations: Operations at once at most; the rest wait their turn.
        busy_timeout_s: Seconds that SQLite waits for another process's lock.
        connect_timeout_s: Seconds to wait for a new or a pooled connection to PostgreSQL.
        statement_timeout_s: Seconds that PostgreSQL may take to answer one statement; None for
            any time.
        known_voices: Whether voices are kept, to be known in other sessions.
    """

    url: str
    pool_size: int = 5
    pool_max: int = 20
    max_operations: int = 50
    busy_timeout_s: float = 10.0
    connect_timeout_s: float = 5.0
    statement_timeout_s: float | None = 30.0
    known_voices: bool = True

    def __repr__(self) -> str:
        """Leave out the URL, which may hold a password."""
        return f"DatabaseOptions(pool_max={self.pool_max}, max_operations={self.max_operations})"


def async_url(url: str) -> str:
    """Return a database URL with the asynchronous driver of its database.

    Raises:
        InvalidInput: The URL is of neither SQLite nor PostgreSQL, or wants another driver.
    """
    scheme, separator, rest = url.partition("://")
    driver = _DRIVERS.get(scheme)
    if not separator or driver is None:
        raise InvalidInput(
            "a database URL begins with sqlite:/// or postgresql://", field="DATABASE_URL"
        )
    return f"{driver}://{rest}"
