"""``livetranslate captions``: live captions of a file or a pipe, from a running server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from livetranslate.services.cli.output import JsonOption

UrlOption = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="LIVETRANSLATE_URL",
        help="Address of the server's /ws; several instances with commas between.",
    ),
]
KeyOption = Annotated[
    str | None, typer.Option("--api-key", envvar="LIVETRANSLATE_API_KEY", help="API key.")
]
LanguageOption = Annotated[
    str, typer.Option("--language", "-l", help="Language spoken, such as en, or auto.")
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", help="Translate into this language; may be repeated."),
]
SpeakersOption = Annotated[bool, typer.Option("--speakers", "-s", help="Tell speakers apart.")]
EngineOption = Annotated[str | None, typer.Option("--engine", help="Speech engine.")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Speech model.")]

DEFAULT_URL = "ws://localhost:3000/ws"


def register(app: typer.Typer) -> None:
    """Add the command ``captions``."""
    app.command("captions")(captions)


def captions(
    file: Annotated[str, typer.Argument(help="Audio or video file, or - for standard input.")],
    url: UrlOption = DEFAULT_URL,
    language: LanguageOption = "auto",
    target: TargetOption = None,
    speakers: SpeakersOption = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="As fast as the server takes it, not in real time.")
    ] = False,
    speed: Annotated[
        float, typer.Option("--speed", min=0.1, help="Times real time, for a file.")
    ] = 1.0,
    sample_rate: Annotated[
        int,
        typer.Option("--sample-rate", min=8000, max=48000, help="Of raw PCM on standard input."),
    ] = 16000,
    engine: EngineOption = None,
    model: ModelOption = None,
    api_key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Stream a file to a running server and show its captions as they come.

    A file goes out in real time, so that captions appear as they would live. Standard input goes
    out as it comes: PCM s16le mono, or a WAV, MP3, WebM, Ogg or FLAC stream.
    """
    from livetranslate.audio.files import stated_seconds
    from livetranslate.domain.errors import NotFound
    from livetranslate.domain.session import SessionConfig
    from livetranslate.services.cli.live import LiveOptions, show_captions
    from livetranslate.services.client.sources import file_chunks, in_thread, paced, pipe_chunks

    config = SessionConfig(
        language=language,
        target_languages=tuple(target or ()),
        engine=engine,
        model=model,
        diarization=speakers,
    )
    piped = file == "-"
    path = Path(file)
    if not (piped or path.is_file()):
        raise NotFound(f"there is no file {file}", field="file")

    async def stream() -> None:
        blocks = pipe_chunks(sys.stdin.buffer, sample_rate) if piped else file_chunks(path)
        chunks = in_thread(blocks)
        await show_captions(
            config,
            chunks if piped or fast else paced(chunks, speed),
            LiveOptions(
                url=url,
                api_key=api_key,
                json=json,
                total_s=None if piped else stated_seconds(path),
            ),
        )

    asyncio.run(stream())
