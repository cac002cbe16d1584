"""``livetranslate rehearse``: a whole meeting with a bot, on this machine alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livetranslate.services.cli.output import JsonOption, stderr, stdout, write_json

if TYPE_CHECKING:
    from livetranslate.services.rehearsal.captions import Heard
    from livetranslate.services.rehearsal.run import Outcome


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rehearse")(rehearse)


def rehearse(
    participants: Annotated[int, typer.Option(min=1, max=20, help="People that speak.")] = 3,
    language: Annotated[str, typer.Option("--language", "-l", help="Language spoken.")] = "en",
    translate: Annotated[
        list[str] | None,
        typer.Option("--translate", "-t", help="Translate into this language; may be repeated."),
    ] = None,
    turns: Annotated[
        int | None, typer.Option(min=1, help="Times that somebody speaks; two each by default.")
    ] = None,
    speech: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Recordings to be spoken, with a manifest.json."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for transcripts and data.")] = Path(
        "rehearsal"
    ),
    model: Annotated[
        str | None, typer.Option(help="Speech model, name or directory (WHISPER_MODEL).")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Hold a meeting of recordings in real browsers, and send a bot that captions it.

    Everything runs on this machine: the meeting, its people, the platform and the bot.
    """
    from livetranslate.services.rehearsal.run import RehearsalPlan
    from livetranslate.services.rehearsal.run import rehearse as run_rehearsal

    console = stderr()
    plan = RehearsalPlan(
        participants=participants,
        turns=turns,
        language=language,
        targets=tuple(translate or ()),
        output=output,
        speech=speech,
        settings={
            "livetranslate_data": (output / "data").absolute(),
            "whisper_model": model,
            "log_level": "WARNING",
            "api_keys": (),
        },
    )
    outcome = asyncio.run(
        run_rehearsal(
            plan,
            tell=lambda text: console.print(f"[dim]{text}[/]", highlight=False),
            show=_show_json if json else _show,
        )
    )
    if json:
        write_json(outcome)
    else:
        _summary(outcome)


def _show(heard: Heard) -> None:
    console = stdout()
    console.print(f"[bold cyan]{heard.speaker or 'somebody'}:[/] {heard.text}", highlight=False)
    for language, text in sorted(heard.translations.items()):
        console.print(f"  [green]{language}[/]  {text}", highlight=False)


def _show_json(heard: Heard) -> None:
    write_json(heard)


def _summary(outcome: Outcome) -> None:
    console = stderr()
    bot, score = outcome.bot, outcome.score
    console.print(
        f"[bold green]Done.[/] The bot heard {bot['heard_s']:.0f} s, "
        f"{bot['missing_blocks']} blocks missing; it left because: {bot['cause']}."
    )
    if score is not None and score.written:
        console.print(
            f"{score.found} of {score.spoken} spoken words found, "
            f"{100 * score.named / score.written:.0f} % of {score.written} under the right name."
        )
    camera = outcome.camera
    console.print(
        f"The others received its camera at {camera.get('fps', 0):.0f} frames a second, "
        f"{camera.get('width', 0):.0f}x{camera.get('height', 0):.0f}."
    )
    for path in outcome.files:
        console.print(f"  {path}")
