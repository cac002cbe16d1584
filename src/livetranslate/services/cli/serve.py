"""``livetranslate serve ROLE``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    role: Annotated[
        Literal["orchestration", "whisper", "translation"], typer.Argument(help="The role.")
    ],
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 3000, 5001 or 5003 if not said, 0 for a free one.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Speech model, name or directory (WHISPER_MODEL).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes of whisper (WORKER_POOL_SIZE).")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="Least level shown (LOG_LEVEL).")] = None,
    watch: Annotated[
        bool | None,
        typer.Option(
            "--watch/--no-watch",
            help="Start the role again when it hangs or crashes (AUTO_RECOVERY, on by default).",
        ),
    ] = None,
    listen_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run one role of a distributed installation, until Ctrl-C.

    The role runs in a process of its own, which is started again if it crashes or does not answer
    for HEALTH_CHECK_INTERVAL seconds; --no-watch runs it in this very process.
    """
    from livetranslate.services.serve import Role, run_role

    run_role(
        Role(role),
        port=port,
        listen_fd=listen_fd,
        overrides={
            "host": host,
            "whisper_model": model,
            "worker_pool_size": workers,
            "log_level": log_level,
            "auto_recovery": watch,
        },
    )
