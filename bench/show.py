"""A report as a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from bench.report import Figure, Report


def show(report: Report, console: Console) -> None:
    """Print a report for people."""
    table = Table(title=f"{report.name}: {report.target}", title_justify="left")
    for heading in ("", "unit", "ours", "baseline", "ratio"):
        table.add_column(heading, justify="left" if heading in ("", "unit") else "right")
    for row in report.rows:
        ratio = f"{_figure(row.ratio)}\n{row.ratio_of}" if row.ratio else ""
        baseline = _figure(row.baseline) if row.baseline else "not measured"
        table.add_row(row.what, row.unit, _figure(row.ours), baseline, ratio)
    console.print(table)
    console.print(f"Baseline: {report.baseline}.", highlight=False)
    for note in report.notes:
        console.print(note, highlight=False)
    machine = report.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    console.print(
        f"{machine.date}: {machine.cores} cores of {machine.cpu}, {machine.memory_gib:g} GiB, "
        f"{machine.system}, Python {machine.python}, {packages}; load before the run "
        f"{machine.load:g}.",
        style="dim",
        highlight=False,
    )


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return ""
    shown = _short(figure.median)
    if figure.repeats == 1:
        return shown
    return f"{shown} ({_short(figure.minimum)} - {_short(figure.maximum)})"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
