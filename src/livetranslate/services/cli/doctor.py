"""``livetranslate doctor``: what is installed, what is missing, and the command that mends it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from livetranslate.services.cli.output import JsonOption, stdout, write_json

if TYPE_CHECKING:
    from livetranslate.services.doctor.findings import Finding

MARKS = {"ok": "[green]✓[/]", "missing": "[yellow]–[/]", "broken": "[red]✗[/]"}


def register(app: typer.Typer) -> None:
    """Add the command ``doctor``."""
    app.command("doctor")(doctor)


def doctor(json: JsonOption = False) -> None:
    """Show what is installed, what is missing, and the command that mends it.

    Exits with 1 if something necessary is broken; what is only missing is no failure.
    """
    from livetranslate.services.doctor.report import examine
    from livetranslate.settings import load_settings

    findings = asyncio.run(examine(load_settings()))
    if json:
        write_json(findings)
    else:
        _show(findings)
    if any(finding.status.value == "broken" for finding in findings):
        raise typer.Exit(1)


def _show(findings: list[Finding]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_lines=False, pad_edge=False, box=None)
    for heading in ("", "", ""):
        table.add_column(heading, overflow="fold")
    area = ""
    for finding in findings:
        if finding.area != area:
            area = finding.area
            table.add_section()
            table.add_row("", f"[bold]{escape(area.capitalize())}[/]")
        detail = escape(finding.detail)
        if finding.remedy:
            detail += f"\n[cyan]→ {escape(finding.remedy)}[/]"
        table.add_row(MARKS[finding.status.value], escape(finding.name), detail)
    console = stdout()
    console.print(table)
    broken = sum(finding.status.value == "broken" for finding in findings)
    console.print(
        f"\n[bold red]{broken} of these must be mended.[/]"
        if broken
        else "\n[bold green]Everything necessary is here.[/]"
    )
