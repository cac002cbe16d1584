"""``livetranslate up``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the web app and the API (PORT, 3000).")
    ] = None,
    whisper_port: Annotated[int, typer.Option(help="Port of the whisper service.")] = 5001,
    translation_port: Annotated[int, typer.Option(help="Port of the translation service.")] = 5003,
    model: Annotated[
        str | None, typer.Option(help="Speech model, name or directory (WHISPER_MODEL).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes (WORKER_POOL_SIZE).")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where database and models are kept (LIVETRANSLATE_DATA).")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="Least level shown (LOG_LEVEL).")] = None,
) -> None:
    """Run the whole platform on this machine, until Ctrl-C."""
    from livetranslate.services.up import run_platform

    run_platform(
        whisper_port=whisper_port,
        translation_port=translation_port,
        overrides={
            "host": host,
            "port": port,
            "whisper_model": model,
            "worker_pool_size": workers,
            "livetranslate_data": data,
            "log_level": log_level,
        },
    )
