"""A load as a table, while it runs and in the end."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from livetranslate.services.load.figures import Figures
from livetranslate.services.load.options import LoadOptions
from livetranslate.services.load.report import LoadReport, Times, times
from livetranslate.services.load.server import ServerFigures

MOST_LOST = 20
"""Lines of losses that are shown; the report file has all."""


def show_now(
    options: LoadOptions, figures: Figures, server: ServerFigures, elapsed_s: float
) -> RenderableType:
    """Return the table of a load under way."""
    whole = options.ramp_s + options.duration_s
    caption = f"{elapsed_s:.0f} of {whole:.0f} s and the sessions' ends; Ctrl-C ends it now"
    return Group(_client(options, figures, caption), _times(figures), _server(server))


def show_report(console: Console, report: LoadReport, figures: Figures) -> None:
    """Print the end of a load."""
    console.print(_client(report.load, figures, f"{report.elapsed_s:.0f} s"))
    console.print(_times(figures))
    console.print(_server(report.server))
    for note in report.notes:
        console.print(escape(note), style="yellow")
    for line in report.lost[:MOST_LOST]:
        console.print(escape(line), style="red")
    if len(report.lost) > MOST_LOST:
        console.print(f"… and {len(report.lost) - MOST_LOST} more", style="red")
    verdict = "[bold green]Nothing was lost.[/]" if report.passed else "[bold red]Not passed.[/]"
    console.print(verdict)


def _client(options: LoadOptions, figures: Figures, caption: str) -> Table:
    table = Table(title="Load", title_justify="left", caption=caption, caption_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    begun = figures.sessions_started
    rows: list[tuple[str, str]] = [
        (
            "idle connections open, opened",
            f"{figures.connections_open:,}, {figures.connections_opened:,} "
            f"of {options.connections:,}",
        ),
        ("refused, closed", f"{figures.connections_refused:,}, {figures.connections_lost:,}"),
        ("sessions started", f"{begun:,} of {options.sessions:,}"),
        (
            "fed now, ended, failed",
            f"{figures.sessions_live:,}, {figures.sessions_ended:,}, {figures.sessions_failed:,}",
        ),
        ("chunks acknowledged", f"{figures.chunks_acknowledged:,} of {figures.chunks_sent:,}"),
        ("audio on its way", f"{figures.unacknowledged_s:,.1f} s"),
        ("events, to listeners", f"{figures.events:,}, {figures.heard:,}"),
        ("words committed, changed", f"{figures.words:,}, {figures.words_changed:,}"),
        ("reconnects", f"{figures.reconnects:,}"),
        ("the load tool's CPU", f"{figures.cpu_s:,.1f} s"),
    ]
    rows += [(f"error {code}", f"{number:,}") for code, number in sorted(figures.errors.items())]
    for row in rows:
        table.add_row(*row)
    return table


def _times(figures: Figures) -> Table:
    table = Table("", "p50", "p95", "p99", "longest", "count")
    for column in table.columns[1:]:
        column.justify = "right"
    kinds = {
        "start-up": figures.start,
        "acknowledgement": figures.ack,
        "commit": figures.commit,
        "the load tool's own lag": figures.lag,
    }
    for name, distribution in kinds.items():
        found: Times = times(distribution)
        values = [found.p50, found.p95, found.p99, found.longest]
        shown = ["-" if value is None else f"{value:,.1f} ms" for value in values]
        table.add_row(name, *shown, f"{found.count:,}")
    return table


def _server(server: ServerFigures) -> Table:
    table = Table(title="Server", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    rows = (
        (
            "connections, sessions, queued",
            f"{server.connections:,}, {server.sessions:,}, "
            f"{server.queued:,} (most {server.most_queued:,})",
        ),
        ("audio that waits", f"{server.buffered_s:,.1f} s (most {server.most_buffered_s:,.1f})"),
        ("workers, ready", f"{server.workers}, {server.ready_workers}"),
        ("memory, main process", f"{server.memory_bytes / 2**20:,.0f} MB"),
        (
            "memory, workers",
            f"{server.worker_memory_bytes / 2**20:,.0f} MB "
            f"(most, all: {server.most_memory_bytes / 2**20:,.0f})",
        ),
        ("CPU, workers; machine", f"{server.worker_cpu_percent:.0f} %; {server.cpu_percent:.0f} %"),
        ("questions unanswered", f"{server.unanswered:,}"),
    )
    for row in rows:
        table.add_row(*row)
    return table
