"""``livetranslate serve ROLE``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    role: Annotated[
        Literal["orchestration", "whisper", "translation", "worker"],
        typer.Argument(help="The role."),
    ],
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 3000, 5001, 5003 or a free one (0) if not said.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Speech model, name or directory (WHISPER_MODEL).")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Worker processes of whisper or worker (WORKER_POOL_SIZE)."),
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

    orchestration: the front: REST, WebSocket, Socket.IO, the web app; any number of instances.

    whisper: speech recognition for anyone, with workers of its own.

    translation: translation over REST and WebSocket.

    worker: takes sessions and jobs from Redis, on any machine that reaches it; its port only tells
    how it is (/health, /status, /metrics).

    Roles share their sessions in Redis (REDIS_URL, redis://localhost:6379 if not said); with
    REDIS_URL=off orchestration sends them to WHISPER_SERVICE_URL instead. Ctrl-C or SIGTERM ends a
    role in order: other workers go on with the sessions of those that stop.

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
