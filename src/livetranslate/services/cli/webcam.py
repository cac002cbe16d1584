"""``livetranslate webcam``: look at the subtitles of the virtual webcam without a meeting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from livetranslate.services.cli.output import JsonOption, stderr, stdout, write_json

if TYPE_CHECKING:
    from livetranslate.meetings.webcam.timed import TimedPacket


def register(app: typer.Typer) -> None:
    """Add the group ``webcam``."""
    group = typer.Typer(help="The bot's camera with its subtitles.", no_args_is_help=True)
    group.callback()(_webcam)
    group.command("preview")(preview)
    app.add_typer(group, name="webcam")


def _webcam() -> None:
    """The bot's camera with its subtitles."""


def preview(
    captions: Annotated[
        Path,
        typer.Argument(
            help="Session events as JSON lines (`captions --json`), or subtitles (SRT, VTT, ASS …)."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Video to write: .mp4, .mkv or .webm.")] = None,
    frames: Annotated[Path | None, typer.Option(help="Folder for every frame as PNG.")] = None,
    picture: Annotated[Path | None, typer.Option(help="PNG of the last frame.")] = None,
    translation: Annotated[Path | None, typer.Option(help="The same subtitles translated.")] = None,
    language: Annotated[str, typer.Option("--language", "-l", help="Of the subtitles.")] = "und",
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Language of the translation shown.")
    ] = None,
    theme: Annotated[str, typer.Option(help="dark, light, high_contrast or transparent.")] = "dark",
    size: Annotated[str, typer.Option(help="Width and height in pixels.")] = "1280x720",
    fps: Annotated[int, typer.Option(min=1, max=60, help="Frames a second.")] = 30,
    seconds: Annotated[
        float, typer.Option(min=0.0, help="Length; 0 until the last caption has faded.")
    ] = 0.0,
    json: JsonOption = False,
) -> None:
    """Draw given captions as the bot's camera shows them: to a video, to pictures, or both."""
    from rich.progress import Progress

    from livetranslate.domain.errors import BackendUnavailable, InvalidInput
    from livetranslate.meetings.webcam.clip import length_s, make_clip
    from livetranslate.meetings.webcam.frame import FrameSink
    from livetranslate.meetings.webcam.options import SubtitleOptions, ThemeName, WebcamOptions
    from livetranslate.meetings.webcam.outputs import FrameFiles, VideoFile
    from livetranslate.meetings.webcam.webcam import Webcam

    if out is None and frames is None and picture is None:
        raise InvalidInput("nothing to write: give --out, --frames or --picture", field="out")
    if theme not in {one.value for one in ThemeName}:
        known = ", ".join(one.value for one in ThemeName)
        raise InvalidInput(f"there is no theme {theme!r}; there are {known}", field="theme")
    width, height = _size(size)
    options = WebcamOptions(
        width=width,
        height=height,
        fps=fps,
        theme=ThemeName(theme),
        subtitles=SubtitleOptions(target_language=target),
    )
    packets = _packets(captions, translation, language, target)
    sinks: list[FrameSink] = []
    if frames is not None:
        sinks.append(FrameFiles(frames))
    if out is not None:
        sinks.append(VideoFile(out, options))
    webcam = Webcam(options, sinks)
    total_s = seconds or length_s(packets, webcam)
    with Progress(console=stderr(), transient=True) as bars:
        bar = bars.add_task("drawing", total=1.0)
        last = make_clip(
            webcam, packets, total_s, progress=lambda done: bars.update(bar, completed=done)
        )
    if picture is not None and last is not None:
        _save(picture, last.picture.png())
    status = webcam.status()
    if status.failures:
        raise BackendUnavailable("; ".join(status.failures))
    if json:
        write_json(status)
    else:
        written = ", ".join(str(path) for path in (out, frames, picture) if path is not None)
        stdout().print(f"{status.frames} frames to {escape(written)}", highlight=False)
    _show_missing(status.missing_fonts)


def _packets(
    captions: Path, translation: Path | None, language: str, target: str | None
) -> list[TimedPacket]:
    from livetranslate.domain.errors import InvalidInput
    from livetranslate.meetings.webcam.timed import read_events, read_subtitles

    if captions.suffix.lower() in {".jsonl", ".json", ".ndjson"}:
        if translation is not None:
            raise InvalidInput(
                "events bring their translations: --translation is for subtitles",
                field="translation",
            )
        return read_events(captions)
    return read_subtitles(captions, translation, source=language, target=target or "und")


def _size(text: str) -> tuple[int, int]:
    from livetranslate.domain.errors import InvalidInput

    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise InvalidInput(f"size: such as 1280x720, not {text!r}", field="size")
    return int(width), int(height)


def _save(path: Path, content: bytes) -> None:
    from livetranslate.domain.errors import InvalidInput

    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}", field="picture") from error


def _show_missing(scripts: tuple[str, ...]) -> None:
    if scripts:
        from livetranslate.meetings.webcam.text.fonts import REMEDY

        names = escape(", ".join(scripts))
        stderr().print(f"[yellow]No font for:[/] {names}. Mend it with: {REMEDY}", soft_wrap=True)
