"""``livetranslate bench``: the benchmarks of a checkout.

They stand in ``bench/`` at the top of the repository and are no part of the package: what they
compare with and measure by is not installed where the platform only serves.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from rich.markup import escape

from livetranslate.services.cli.output import JsonOption, stdout, write_json

CHECKOUT = Path(__file__).resolve().parents[4]
"""The repository, if this package stands in one."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


def bench(
    name: Annotated[
        str | None, typer.Argument(help="The benchmark; without it they are listed.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often all is measured.")] = 5,
    model: Annotated[
        Path | None, typer.Option(help="Whisper model; the tests' small one by default.")
    ] = None,
    speech: Annotated[
        Path | None,
        typer.Option(help="Recordings with a manifest.json; the tests' by default."),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Speech engine, for wer.")] = None,
    peer: Annotated[
        Path | None,
        typer.Option(help="Checkout of the peer to compare with, for latency and sessions."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="/ws of a running platform, for latency, startup and sessions; else one starts."
        ),
    ] = None,
    sessions: Annotated[
        int, typer.Option(min=1, help="Sessions at once, for startup and memory.")
    ] = 100,
    seconds: Annotated[
        float, typer.Option(min=0.0, help="Audio of one repeat; 0 for the benchmark's own choice.")
    ] = 0.0,
    operations: Annotated[
        int, typer.Option(min=100, help="Rows written in one repeat, for database.")
    ] = 10_000,
    concurrent: Annotated[int, typer.Option(min=1, help="Streams at once, for chunking.")] = 50,
    threads: Annotated[int, typer.Option(min=0, help="Threads of an engine loaded here.")] = 2,
    json: JsonOption = False,
) -> None:
    """Measure against a named baseline in the same run; medians with their range."""
    benchmarks = _load("bench.registry")
    if name is None:
        for known, summary in benchmarks.summaries().items():
            stdout().print(f"[bold]{known:10}[/] {escape(summary)}", highlight=False)
        return
    said: dict[str, Any] = {
        "repeats": repeats,
        "model": model and model.resolve(),
        "speech": speech and speech.resolve(),
        "engine": engine,
        "peer": peer and peer.resolve(),
        "url": url,
        "sessions": sessions,
        "seconds": seconds,
        "operations": operations,
        "concurrent": concurrent,
        "threads": threads,
    }
    given = {key: value for key, value in said.items() if value is not None}
    report = benchmarks.run(name, _load("bench.options").BenchOptions(**given))
    if json:
        write_json(report)
    else:
        _load("bench.show").show(report, stdout())


def _load(module: str) -> ModuleType:
    """Return a module of the checkout's benchmarks.

    Raises:
        NotFound: This is no checkout.
        BackendUnavailable: What benchmarks need is not installed.
    """
    from livetranslate.domain.errors import BackendUnavailable, NotFound

    if not (CHECKOUT / "bench" / "registry.py").is_file():
        raise NotFound(
            "the benchmarks are not part of an installed package: run `livetranslate bench` from "
            "a checkout of the repository (`make bench NAME=wer`)"
        )
    if str(CHECKOUT) not in sys.path:
        sys.path.insert(0, str(CHECKOUT))
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            f"benchmarks need the package {error.name}: pip install 'livetranslate[bench]'"
        ) from error
