"""The schema's revisions: the only thing that makes or changes tables."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, UniqueConstraint, inspect, text

from livetranslate.storage.database import Database
from livetranslate.storage.tables import Base

ParentName = Literal["schema_name", "table_name", "schema_qualified_table_name"]

HEAD = "head"
BASE = "base"

_LOCK_KEY = 7_216_448_113
"""Any number: PostgreSQL's advisory lock that lets one process migrate at a time."""


async def migrate(database: Database, revision: str = HEAD) -> str | None:
    """Bring the schema to a revision in one transaction; return the revision it is at then.

    Several processes may call this at once: one works, the others wait and find nothing to do.
    """
    async with database.patient() as door, door.write() as connection:
        await connection.run_sync(migrate_on, revision)
        return await connection.run_sync(current_revision)


def migrate_on(connection: Connection, revision: str) -> None:
    """Bring the schema to a revision within the transaction of a connection."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    config = _config()
    config.attributes["connection"] = connection
    if revision == BASE or _is_behind(current_revision(connection), revision):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def current_revision(connection: Connection) -> str | None:
    """Return the revision that the database is at, or None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """Return the newest revision that this program knows."""
    return _script().get_current_head()


def knows(revision: str) -> bool:
    """Whether this program has a revision."""
    return revision in {found.revision for found in _script().walk_revisions()}


def differences(connection: Connection) -> list[object]:
    """Return what sets the tables in the database apart from the models."""
    options = {"include_name": is_ours, "compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, Base.metadata))


def missing_indexes(connection: Connection) -> list[str]:
    """Return the names of indexes and unique keys that should be there and are not."""
    inspector = inspect(connection)
    present: set[str | None] = set()
    wanted: set[str] = set()
    for table in Base.metadata.sorted_tables:
        wanted.update(str(index.name) for index in table.indexes)
        unique = (found for found in table.constraints if isinstance(found, UniqueConstraint))
        wanted.update(str(constraint.name) for constraint in unique)
        if inspector.has_table(table.name):
            present.update(index["name"] for index in inspector.get_indexes(table.name))
            keys = inspector.get_unique_constraints(table.name)
            present.update(constraint["name"] for constraint in keys)
    return sorted(wanted - present)


def is_ours(name: str | None, kind: str, parents: MutableMapping[ParentName, str | None]) -> bool:
    """Whether a thing in the database is described by the models.

    The objects of full-text search differ between the databases and live in revisions only.
    """
    table = name if kind == "table" else parents.get("table_name")
    if table == "alembic_version":
        return False
    return not any((found or "").startswith("search_") for found in (name, table))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _is_behind(current: str | None, revision: str) -> bool:
    """Whether going to ``revision`` means going back."""
    if current is None or revision == HEAD:
        return False
    script = _script()
    older = {found.revision for found in script.iterate_revisions(current, BASE)}
    return revision != current and revision in older
