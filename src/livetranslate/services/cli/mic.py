"""``livetranslate mic``: live captions of the microphone, from a running server."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from livetranslate.services.cli.captions import (
    DEFAULT_URL,
    EngineOption,
    KeyOption,
    LanguageOption,
    ModelOption,
    SpeakersOption,
    TargetOption,
    UrlOption,
)
from livetranslate.services.cli.output import JsonOption


def register(app: typer.Typer) -> None:
    """Add the command ``mic``."""
    app.command("mic")(mic)


def mic(
    url: UrlOption = DEFAULT_URL,
    language: LanguageOption = "auto",
    target: TargetOption = None,
    speakers: SpeakersOption = False,
    device: Annotated[
        str | None, typer.Option("--device", help="Input device: its name or number.")
    ] = None,
    engine: EngineOption = None,
    model: ModelOption = None,
    api_key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Show live captions of what the microphone hears; Ctrl-C ends."""
    from livetranslate.domain.session import SessionConfig
    from livetranslate.services.cli.live import LiveOptions, show_captions
    from livetranslate.services.client.microphone import microphone_chunks
    from livetranslate.services.client.sources import in_thread

    config = SessionConfig(
        language=language,
        target_languages=tuple(target or ()),
        engine=engine,
        model=model,
        diarization=speakers,
    )
    blocks = microphone_chunks(device)

    async def stream() -> None:
        options = LiveOptions(url=url, api_key=api_key, json=json)
        await show_captions(config, in_thread(blocks), options)

    asyncio.run(stream())
