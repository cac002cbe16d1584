"""What commands write: words for people through Rich, or JSON for programs.

The convention of ``--json``: standard output carries JSON and nothing else (one document, or one a
line where results come one by one). Progress, hints and errors go to standard error either way.
"""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from livetranslate.domain.errors import LiveTranslateError

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]
"""Type of a command's ``--json`` option."""


def stdout() -> Console:
    """Return the console for results."""
    return Console()


def stderr() -> Console:
    """Return the console for progress, hints and errors."""
    return Console(stderr=True)


def write_json(value: object) -> None:
    """Write one JSON document and a line's end to standard output.

    Args:
        value: Anything msgspec encodes: structs, dicts, lists, datetimes.
    """
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def show_error(error: LiveTranslateError) -> None:
    """Show an error in red on standard error: the field to blame, what happened, what helps."""
    where = f" ({error.field})" if error.field else ""
    console = stderr()
    console.print(f"[bold red]Error{escape(where)}:[/] {escape(error.message)}", soft_wrap=True)
    if error.retry_after_s is not None:
        console.print(f"It may work again in {error.retry_after_s:.0f} s.")
