"""``livetranslate config``: show the settings, check a configuration file, change a key in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.markup import escape
from rich.table import Table

from livetranslate.services.cli.output import JsonOption, stderr, stdout, write_json

FileOption = Annotated[
    Path | None, typer.Option("--file", help="The file, instead of LIVETRANSLATE_CONFIG.")
]


def register(app: typer.Typer) -> None:
    """Add the group ``config``."""
    group = typer.Typer(help="Settings and the configuration file.", no_args_is_help=True)
    group.command("show")(show)
    group.command("check")(check)
    group.command("set")(set_)
    app.add_typer(group, name="config")


def show(file: FileOption = None, json: JsonOption = False) -> None:
    """Show every setting: its value, where that comes from, and when a change counts."""
    from livetranslate.settings import load_settings
    from livetranslate.settings.catalogue import describe

    settings = load_settings(config_file=file)
    found = describe(settings, settings)
    if json:
        write_json(found)
        return
    table = Table("Setting", "Value", "From", "A change counts")
    for one in found:
        value = ("set" if one.is_set else "") if one.secret else _text(one.value)
        counts = "at once" if one.applies.value == "live" else "after a restart"
        table.add_row(one.path or one.name, escape(value), one.source.value, counts)
    stdout().print(table)
    stdout().print(f"Audio preset: {settings.audio.active}. File: {settings.origin.file}")


def check(
    file: Annotated[Path, typer.Argument(help="A configuration file.")], json: JsonOption = False
) -> None:
    """Tell everything that is wrong with a file; exits with 1 if something is."""
    from livetranslate.domain.errors import Invalid
    from livetranslate.settings import document, load_settings

    problems: tuple[Any, ...] = ()
    ignored: tuple[str, ...] = ()
    try:
        load_settings(config_file=file)
        ignored = document.read(file).ignored
    except Invalid as error:
        problems = error.problems
    if json:
        write_json({"valid": not problems, "problems": problems, "ignored": ignored})
    for one in () if json else problems:
        stderr().print(f"[bold red]{escape(one.field)}[/] {escape(one.reason)}", soft_wrap=True)
    for path in () if json else ignored:
        stderr().print(f"[yellow]{escape(path)}[/] means nothing here", soft_wrap=True)
    if problems:
        raise typer.Exit(1)
    if not json:
        stdout().print("The file can be taken.")


def set_(
    key: Annotated[str, typer.Argument(help="Dotted path, such as audio.preset.")],
    value: Annotated[str, typer.Argument(help="As in YAML; null takes the key out.")],
    file: FileOption = None,
) -> None:
    """Change a key of the file, if the file is valid with it; a running platform takes it at once.

    Comments and order of the file are kept.
    """
    from livetranslate.domain.dotted import changed, difference, flatten
    from livetranslate.domain.errors import Invalid
    from livetranslate.services.configuration.checks import blocked, not_keys
    from livetranslate.settings import document, load_settings
    from livetranslate.settings.loading import make_settings
    from livetranslate.settings.origin import Origin

    named = file if file is not None and file.exists() else None
    path = file or Origin().file
    settings = load_settings(config_file=named)
    before = document.read(path).values
    changes = flatten(document.value(value), key, with_none=True)
    problems = list(not_keys(changes))
    if problems:
        raise Invalid.of(problems)
    after = changed(before, changes)
    make_settings(settings.origin, after)
    document.write(path, difference(before, after))
    stdout().print(f"{path}: {escape(key)} is {escape(value)}", soft_wrap=True, highlight=False)
    for one in blocked(changes, settings):
        stderr().print(f"[yellow]{escape(one.field)}[/] {escape(one.reason)}", soft_wrap=True)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(str(one) for one in cast("list[object]", value))
    return str(value)
