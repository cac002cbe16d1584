"""``livetranslate transcribe``: files to text and subtitles in this process, without a server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from livetranslate.services.cli.output import JsonOption, show_error, stderr, write_json

if TYPE_CHECKING:
    from livetranslate.asr.files import FileOptions
    from livetranslate.asr.manager import ModelLease
    from livetranslate.domain.transcription import Transcription

FormatName = Literal["txt", "json", "srt", "vtt", "md"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("transcribe")(transcribe)


def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Audio or video files.")],
    language: Annotated[
        str, typer.Option("--language", "-l", help="Language spoken, such as en, or auto.")
    ] = "auto",
    task: Annotated[
        Literal["transcribe", "translate"], typer.Option(help="As spoken, or in English.")
    ] = "transcribe",
    model: Annotated[
        str | None, typer.Option(help="Speech model, name or directory (WHISPER_MODEL).")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Speech engine; auto by default.")] = None,
    form: Annotated[
        FormatName, typer.Option("--format", "-f", help="Form of the transcripts.")
    ] = "txt",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for a transcript per file, named as it is."),
    ] = None,
    vad: Annotated[bool, typer.Option(help="Leave silence out.")] = True,
    prompt: Annotated[str, typer.Option(help="What it is about; names and terms help.")] = "",
    json: JsonOption = False,
) -> None:
    """Transcribe files on this machine.

    Transcripts go to standard output, or into the folder of --output. A file that fails is told,
    the others are done, and the command exits with 1.
    """
    from livetranslate.asr.files import FileOptions
    from livetranslate.domain.errors import InvalidInput
    from livetranslate.domain.session import Task, check_languages

    check_languages(language, ())
    if len(files) > 1 and output is None and form != "txt" and not json:
        raise InvalidInput(
            f"several files in the format {form} need a folder: --output DIR", field="output"
        )
    options = FileOptions(language=language, task=Task(task), vad=vad, prompt=prompt)
    sink = _Sink(form, output, json=json, headings=len(files) > 1)
    failed = asyncio.run(_transcribe(files, options, engine, model, sink))
    if failed:
        raise typer.Exit(1)


class _Sink:
    """Where transcripts go: standard output, or a folder."""

    def __init__(
        self, form: FormatName, folder: Path | None, *, json: bool, headings: bool
    ) -> None:
        self._form: FormatName = form
        self._folder = folder
        self._json = json
        self._headings = headings

    def put(self, file: Path, found: Transcription, reason: str) -> None:
        """Write one file's transcript."""
        place: Path | None = None
        if self._folder is not None:
            from livetranslate.domain.errors import InvalidInput

            place = self._folder / f"{file.name}.{self._form}"
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                place.write_bytes(render(file, found, self._form))
            except OSError as error:
                raise InvalidInput(
                    f"{place} cannot be written: {error.strerror or error}", field="--output"
                ) from error
            stderr().print(f"Wrote {escape(str(place))}", soft_wrap=True, highlight=False)
        if self._json:
            import msgspec

            told = {"file": str(file), "output": str(place) if place else None}
            write_json(told | msgspec.to_builtins(found) | {"engine_reason": reason})
        elif self._folder is None:
            heading = f"{file}:\n" if self._headings else ""
            typer.echo(heading + render(file, found, self._form).decode().rstrip("\n"))


def render(file: Path, found: Transcription, form: FormatName) -> bytes:
    """Return a transcription as a file in UTF-8: JSON as it is, the others as exports are."""
    from datetime import UTC, datetime

    import msgspec

    from livetranslate.storage.export import ExportFormat, export
    from livetranslate.storage.found import Transcript, TranscriptSegment

    if form == "json":
        return msgspec.json.encode(found) + b"\n"
    segments = [
        TranscriptSegment(
            segment_id=segment.id,
            text=segment.text,
            language=found.language,
            confidence=segment.confidence,
            start=segment.start,
            end=segment.end,
            speaker_id=segment.speaker_id,
            speaker_name=None,
            words=list(segment.words),
            translations={},
        )
        for segment in found.segments
    ]
    recorded = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    transcript = Transcript(
        session_id=file.name, title=file.stem, created_at=recorded, segments=segments
    )
    return export(transcript, ExportFormat(form))


async def _transcribe(
    files: list[Path], options: FileOptions, engine: str | None, model: str | None, sink: _Sink
) -> int:
    """Transcribe one file after another; return how many failed."""
    from livetranslate.domain.errors import LiveTranslateError
    from livetranslate.services.worker import build_models
    from livetranslate.settings import load_settings

    models = build_models(load_settings(whisper_model=model))
    failed = 0
    try:
        lease = await models.acquire(
            engine=engine, model=model, language=options.language or "auto"
        )
        with lease:
            info = lease.engine.info
            stderr().print(
                f"{info.engine}, model {info.model} on {info.device}: {lease.candidate.reason}",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
            for file in files:
                try:
                    sink.put(file, await _one(file, lease, options), lease.candidate.reason)
                except LiveTranslateError as error:
                    failed += 1
                    show_error(error)
    finally:
        await models.close()
    return failed


async def _one(file: Path, lease: ModelLease, options: FileOptions) -> Transcription:
    """Decode and recognise one file behind a progress bar."""
    from time import monotonic

    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from livetranslate.asr.files import recognise_file
    from livetranslate.audio.files import decode_file

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr()) as bars:
        bar = bars.add_task(escape(file.name), total=1.0)

        def show(share: float) -> None:
            bars.update(bar, completed=share)

        audio = await asyncio.to_thread(decode_file, file, field=str(file))
        found = await recognise_file(audio, lease, options, progress=show, clock=monotonic)
        show(1.0)
    return found
