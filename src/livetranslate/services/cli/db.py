"""``livetranslate db``: set up, upgrade, look at, save and bring back the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.markup import escape

from livetranslate.services.cli.output import JsonOption, stderr, stdout, write_json

if TYPE_CHECKING:
    from livetranslate.storage.admin import DatabaseStatus
    from livetranslate.storage.database import Database
    from livetranslate.storage.options import DatabaseOptions

T = TypeVar("T")

UrlOption = Annotated[
    str | None, typer.Option("--database-url", help="The database, instead of DATABASE_URL.")
]


def register(app: typer.Typer) -> None:
    """Add the group ``db``."""
    group = typer.Typer(help="The database: set up, upgrade, save.", no_args_is_help=True)
    group.command("init")(init)
    group.command("migrate")(migrate)
    group.command("status")(status)
    group.command("backup")(backup)
    group.command("restore")(restore)
    app.add_typer(group, name="db")


def init(database_url: UrlOption = None, json: JsonOption = False) -> None:
    """Make the database with its tables; does nothing to one that is there."""
    from livetranslate.storage import admin

    _say_revision(asyncio.run(admin.init(_options(database_url))), json)


def migrate(database_url: UrlOption = None, json: JsonOption = False) -> None:
    """Bring the tables to the newest revision."""
    from livetranslate.storage import schema

    _say_revision(with_database(database_url, schema.migrate), json)


def status(database_url: UrlOption = None, json: JsonOption = False) -> None:
    """Show connection, revision, rows and missing indexes; exits with 1 if something is wrong."""
    from livetranslate.storage import admin

    found = with_database(database_url, admin.status)
    if json:
        write_json(found)
    else:
        _show(found)
    if not found.connected or not found.up_to_date or found.missing_indexes:
        raise typer.Exit(1)


def backup(
    file: Annotated[
        Path | None, typer.Argument(help="Where to; a name with the time by default.")
    ] = None,
    database_url: UrlOption = None,
    json: JsonOption = False,
) -> None:
    """Save all rows as of now to a file that fits SQLite and PostgreSQL."""
    from livetranslate.storage import backup as backups

    now = datetime.now(UTC)
    target = file or Path(f"livetranslate-{now:%Y%m%d-%H%M%S}.backup")
    header = with_database(database_url, lambda database: backups.backup(database, target, at=now))
    if json:
        write_json({"file": str(target), "revision": header.revision, "rows": header.rows})
    else:
        total = sum(header.rows.values())
        stdout().print(f"Saved {total:,} rows to {escape(str(target))}.", highlight=False)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `db backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database_url: UrlOption = None,
    json: JsonOption = False,
) -> None:
    """Replace everything in the database by what a backup holds."""
    from livetranslate.storage import backup as backups

    if not yes:
        typer.confirm("This removes everything in the database now. Go on?", abort=True, err=True)
    header = with_database(database_url, lambda database: backups.restore(database, file))
    if json:
        write_json({"file": str(file), "revision": header.revision, "rows": header.rows})
    else:
        total = sum(header.rows.values())
        stdout().print(f"Brought back {total:,} rows of {header.created_at:%Y-%m-%d %H:%M} UTC.")


def _options(database_url: str | None) -> DatabaseOptions:
    from livetranslate.settings import load_settings

    return load_settings(database_url=database_url).database_options()


def with_database(database_url: str | None, work: Callable[[Database], Awaitable[T]]) -> T:
    """Return what ``work`` makes of the database."""
    from livetranslate.storage.database import Database

    async def run() -> T:
        database = Database(_options(database_url))
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def _say_revision(revision: str | None, json: bool) -> None:
    if json:
        write_json({"revision": revision})
    else:
        stdout().print(f"The database is at revision {revision}.", highlight=False)


def _show(found: DatabaseStatus) -> None:
    from rich.table import Table

    console = stdout()
    console.print(f"Database  {escape(found.url)}", highlight=False, soft_wrap=True)
    if not found.connected:
        stderr().print(f"[bold red]No connection:[/] {escape(found.error or '')}", soft_wrap=True)
        return
    newest = "newest" if found.up_to_date else f"newest is {found.head}: livetranslate db migrate"
    console.print(f"Server    {found.server}", highlight=False)
    console.print(f"Revision  {found.revision or 'none'} ({newest})", highlight=False)
    table = Table("table", "rows")
    table.columns[1].justify = "right"
    for name, rows in found.rows.items():
        table.add_row(name, f"{rows:,}")
    console.print(table)
    for name in found.missing_indexes:
        console.print(f"[red]Missing index:[/] {name}")
