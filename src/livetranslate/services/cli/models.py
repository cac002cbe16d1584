"""``livetranslate models``: which speech models there are, and bringing them here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from livetranslate.services.cli.output import JsonOption, stderr, stdout, write_json

if TYPE_CHECKING:
    from livetranslate.asr.models.files import ModelFiles
    from livetranslate.asr.models.store import ModelStore

ModelDirOption = Annotated[
    Path | None,
    typer.Option("--model-dir", help="Where models are kept, instead of MODEL_DIR."),
]
NameArgument = Annotated[
    str, typer.Argument(help="Known name, owner/name on the hub, or a directory.")
]

ORIGINS = {
    "directory": "a directory",
    "model_dir": "installed",
    "hub_cache": "in the hub's cache",
}
BUILT_IN = (
    ("pocketsphinx", "English, roughly; nothing to download"),
    ("scripted", "recognises nothing: made-up words at fixed times, for load tests"),
)
"""Engines without models of their own; a session asks for them with ``engine``."""


def register(app: typer.Typer) -> None:
    """Add the group ``models``."""
    group = typer.Typer(help="Speech models: list, download, remove.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command("download")(download)
    group.command("remove")(remove)
    group.command("path")(path)
    app.add_typer(group, name="models")


def list_models(model_dir: ModelDirOption = None, json: JsonOption = False) -> None:
    """Show the known models and those installed here."""
    from livetranslate.asr.models.catalog import CATALOG

    installed = {model.name: model for model in _store(model_dir).installed()}
    names = [*CATALOG, *sorted(installed.keys() - CATALOG.keys())]
    if json:
        write_json([_described(name, installed.get(name)) for name in names])
        return

    from rich.table import Table

    table = Table(title="Speech models")
    for heading in ("name", "languages", "size", "here"):
        table.add_column(heading, justify="right" if heading == "size" else "left")
    for name in names:
        model = installed.get(name)
        known = CATALOG.get(name)
        size_mb = known.size_mb if model is None and known else 0
        table.add_row(
            escape(name),
            "" if known is None else "about 100" if known.multilingual else "English",
            f"{model.size_bytes / 1e6:,.0f} MB" if model else f"{size_mb:,} MB",
            f"[green]{ORIGINS[model.origin.value]}[/]" if model else "[dim]no[/]",
        )
    console = stdout()
    console.print(table)
    console.print("Get one with: livetranslate models download NAME")
    console.print("Engines without models:")
    for engine, purpose in BUILT_IN:
        console.print(f"  {engine:13} {purpose}", highlight=False)


def download(
    names: Annotated[list[str], typer.Argument(help="Known names, or owner/name on the hub.")],
    model_dir: ModelDirOption = None,
    json: JsonOption = False,
) -> None:
    """Download models from the hub, or from the mirror that HF_ENDPOINT names."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    store = _store(model_dir)
    for name in names:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=stderr()) as bars:
            tasks: dict[str, TaskID] = {}

            def show(
                file: str,
                done: int,
                total: int,
                *,
                bars: Progress = bars,
                tasks: dict[str, TaskID] = tasks,
            ) -> None:
                if file not in tasks:
                    tasks[file] = bars.add_task(file, total=total)
                bars.update(tasks[file], completed=done)

            model = store.download(name, progress=show)
        if json:
            write_json(_described(name, model))
        else:
            stdout().print(f"{escape(name)} is in {escape(str(model.path))}", soft_wrap=True)


def remove(name: NameArgument, model_dir: ModelDirOption = None, json: JsonOption = False) -> None:
    """Delete a model from MODEL_DIR."""
    gone = _store(model_dir).remove(name)
    if json:
        write_json({"name": name, "removed": str(gone)})
    else:
        stdout().print(f"removed {escape(str(gone))}", soft_wrap=True)


def path(name: NameArgument, model_dir: ModelDirOption = None, json: JsonOption = False) -> None:
    """Print the directory of an installed model."""
    model = _store(model_dir).locate(name)
    if json:
        write_json(_described(name, model))
    else:
        typer.echo(str(model.path))


def _described(name: str, model: ModelFiles | None) -> dict[str, object]:
    from livetranslate.asr.models.catalog import CATALOG, canonical

    known = CATALOG.get(canonical(name))
    return {
        "name": name,
        "installed": model is not None,
        "path": str(model.path) if model else None,
        "origin": model.origin.value if model else None,
        "size_bytes": model.size_bytes if model else None,
        "min_window_s": model.min_window_s if model else None,
        "multilingual": known.multilingual if known else None,
        "repository": known.repository if known else None,
        "download_mb": known.size_mb if known else None,
    }


def _store(model_dir: Path | None) -> ModelStore:
    from livetranslate.asr.models.store import ModelStore
    from livetranslate.settings import load_settings

    return ModelStore(load_settings(model_dir=model_dir).store_options())
