"""``livetranslate voices``: whose voices are known across sessions, and forgetting them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from livetranslate.services.cli.db import UrlOption, with_database
from livetranslate.services.cli.output import JsonOption, stdout, write_json


def register(app: typer.Typer) -> None:
    """Add the group ``voices``."""
    group = typer.Typer(help="Voices known across sessions: list, forget.", no_args_is_help=True)
    group.command("list")(list_known)
    group.command("forget")(forget)
    app.add_typer(group, name="voices")


def list_known(database_url: UrlOption = None, json: JsonOption = False) -> None:
    """Show whose voices are known, and from how many samples."""
    from rich.table import Table

    from livetranslate.storage.identities import list_voices

    found = with_database(database_url, list_voices)
    if json:
        write_json({"voices": found})
        return
    if not found:
        stdout().print("No voices are known.")
        return
    table = Table("name", "samples", "since", "model")
    for one in found:
        since = f"{one.created_at:%Y-%m-%d}"
        table.add_row(escape(one.name), f"{one.samples:,}", since, escape(one.model or ""))
    stdout().print(table)


def forget(
    name: Annotated[str, typer.Argument(help="Whose voice.")],
    database_url: UrlOption = None,
    json: JsonOption = False,
) -> None:
    """Forget a voice with all samples of it; names in transcripts stay."""
    from livetranslate.storage.identities import forget_voice

    forgotten = with_database(database_url, lambda database: forget_voice(database, name))
    if json:
        write_json({"name": name, "forgotten": forgotten})
    else:
        stdout().print(f"The voice of {escape(name)} is forgotten.", highlight=False)
