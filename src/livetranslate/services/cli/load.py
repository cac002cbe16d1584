"""``livetranslate load``: many connections and live sessions against a running installation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from livetranslate.services.cli.captions import EngineOption, KeyOption, TargetOption
from livetranslate.services.cli.output import JsonOption, stderr, stdout, write_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("load")(load)


def load(
    connections: Annotated[
        int, typer.Option("--connections", "-n", min=0, help="Connections left idle.")
    ] = 0,
    sessions: Annotated[
        int, typer.Option("--sessions", "-m", min=0, help="Live sessions, fed in real time.")
    ] = 1,
    duration: Annotated[
        float, typer.Option("--duration", "-s", min=1.0, help="Seconds behind the ramp.")
    ] = 60.0,
    ramp: Annotated[
        float, typer.Option("--ramp", min=0.0, help="Seconds over which all is opened.")
    ] = 5.0,
    server: Annotated[
        str, typer.Option("--server", envvar="LIVETRANSLATE_SERVER", help="Base address.")
    ] = "http://localhost:3000",
    api_key: KeyOption = None,
    speech: Annotated[
        Path | None,
        typer.Option(help="Folder of recordings; made-up sounds of speech without it."),
    ] = None,
    chunk_ms: Annotated[
        int, typer.Option("--chunk-ms", min=10, max=2000, help="Milliseconds of a chunk.")
    ] = 100,
    listeners: Annotated[
        int, typer.Option(min=0, help="Further connections that listen to each session.")
    ] = 0,
    engine: EngineOption = None,
    language: Annotated[str, typer.Option("--language", "-l", help="Language asked for.")] = "en",
    target: TargetOption = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that make the load.")] = 1,
    report: Annotated[Path | None, typer.Option(help="File that gets the report as JSON.")] = None,
    json: JsonOption = False,
) -> None:
    """Put load on a running installation, and check that nothing of it is lost.

    Every chunk's acknowledgement is followed, every session's end, every committed word and every
    listener. The exit code is 1 if anything was lost, refused or changed.

    Beyond the number of sessions that the machine recognises in real time take `--engine scripted`:
    it makes words up at fixed times. The server has to have room: MAX_CONCURRENT_SESSIONS,
    MAX_SESSIONS_PER_WORKER, WEBSOCKET_MAX_CONNECTIONS, and its limit of open files.

    If «the load tool's own lag» grows, its times are partly its own: take more `--processes`.
    Ctrl-C ends the load and gives the report so far.
    """
    import msgspec

    from livetranslate.services.client.addresses import websocket_url
    from livetranslate.services.load.options import LoadOptions
    from livetranslate.services.load.run import run_load
    from livetranslate.services.load.speech import load_speech
    from livetranslate.services.load.view import show_report

    if speech is not None:
        load_speech(speech)  # tells now what is wrong with it
    options = LoadOptions(
        url=websocket_url(server),
        api_key=api_key,
        connections=connections,
        sessions=sessions,
        listeners=listeners,
        duration_s=duration,
        ramp_s=ramp,
        chunk_ms=chunk_ms,
        speech=str(speech.resolve()) if speech else None,
        engine=engine,
        language=language,
        targets=tuple(target or ()),
    )
    made, figures = asyncio.run(run_load(options, server, processes, stderr()))
    if report is not None:
        report.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    if json:
        write_json(made)
    else:
        show_report(stdout(), made, figures)
    if not made.passed:
        raise typer.Exit(1)
