"""Whether the database answers and has its tables."""

from __future__ import annotations

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.doctor.findings import Finding, broken, ok
from livetranslate.storage.database import Database
from livetranslate.storage.engine import sqlite_file
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.schema import current_revision, head_revision

AREA = "database"


async def check_database(options: DatabaseOptions) -> Finding:
    """Connect once and compare the revision; creates nothing."""
    file = sqlite_file(options)
    name = "PostgreSQL connection" if file is None else "SQLite file"
    if file is not None and not file.exists():
        return ok(AREA, name, f"{file} will be made at the first start")
    database = Database(options)
    try:
        async with database.read() as connection:
            revision = await connection.run_sync(current_revision)
    except BackendUnavailable as error:
        remedy = "check DATABASE_URL, and whether the server runs"
        return broken(AREA, name, error.message, remedy)
    finally:
        await database.close()
    place = database.engine.url.render_as_string(hide_password=True) if file is None else str(file)
    if revision != head_revision():
        detail = f"{place} is at revision {revision or 'none'}, not {head_revision()}"
        return broken(AREA, name, detail, "livetranslate db migrate")
    return ok(AREA, name, f"{place} answers, revision {revision}")
