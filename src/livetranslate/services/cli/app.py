"""The application of the command line, and the one place where its errors are shown.

To add a command: write a module beside this one with a function ``register(app)`` that adds its
command (``app.command("mic")(mic)``) or its group (``app.add_typer(group, name="models")``), and
put the module into ``COMMANDS``. All modules are imported for ``livetranslate --help``, so what is
heavy (numpy, FastAPI, SQLAlchemy, engines, the hub) is imported inside the functions that use it.

Commands raise LiveTranslateError and let it pass: ``run`` shows it in red and exits with 1. A wrong
option or argument exits with 2. Commands with figures take ``--json`` (see ``output``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Annotated

import typer

import livetranslate
from livetranslate.domain.errors import LiveTranslateError
from livetranslate.services.cli import (
    bench,
    captions,
    config,
    db,
    doctor,
    load,
    mic,
    models,
    pool,
    rehearse,
    serve,
    transcribe,
    up,
    voices,
    webcam,
)
from livetranslate.services.cli.output import show_error

COMMANDS: tuple[ModuleType, ...] = (
    up,
    serve,
    captions,
    mic,
    transcribe,
    rehearse,
    models,
    pool,
    config,
    webcam,
    db,
    voices,
    doctor,
    load,
    bench,
)
"""Modules of commands, in the order of the help."""


def build_app() -> typer.Typer:
    """Return the application with every command."""
    app = typer.Typer(
        name="livetranslate",
        help="Live captions, translations and speaker names on your own machines.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for module in COMMANDS:
        module.register(app)
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: Without the program's name; None for those of the process.

    Returns:
        0; 1 for an error, which is shown on standard error with its remedy; 2 for a usage error.
    """
    app = build_app()
    try:
        app(args=None if arguments is None else list(arguments), prog_name="livetranslate")
    except LiveTranslateError as error:
        show_error(error)
        return 1
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return 0


def main() -> None:
    """Run the command line of this process; its logs go to standard error.

    numpy's linear algebra gets one thread, here and in the worker processes (which inherit it): its
    matrices are the small ones of mel spectra, for which threads cost many times what they save.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from livetranslate.services.logs import configure_logs

    configure_logs("WARNING")
    sys.exit(run())


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"livetranslate {livetranslate.__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options in front of the command; ``--version`` is answered by its callback."""
    del version
