"""Streaming audio to a server and showing what comes back: the body of ``captions`` and ``mic``."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Generator

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from livetranslate.domain.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.events import SessionEnded, SessionError, SessionStarted
from livetranslate.domain.messages import ErrorMessage
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.services.cli.caption_view import CaptionView
from livetranslate.services.cli.output import stderr, stdout, write_json
from livetranslate.services.client import CaptionClient, Received


class LiveOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream is sent and shown.

    Attributes:
        url: Address of the server's ``/ws``.
        api_key: Credential, where the server asks for one.
        json: One event a line instead of captions.
        total_s: Length of the audio in seconds, if known.
    """

    url: str
    api_key: str | None = None
    json: bool = False
    total_s: float | None = None


async def show_captions(
    config: SessionConfig, chunks: AsyncIterator[bytes], options: LiveOptions
) -> None:
    """Stream chunks (s16le mono 16 kHz) and show events until the session has ended.

    Ctrl-C ends the audio, and what was said before it still comes; a second one stops at once.

    Raises:
        LiveTranslateError: No server, a refusal, or a session that failed.
    """
    async with CaptionClient(options.url, config, api_key=options.api_key) as client:
        sent = _Sent(options.total_s)
        feeder = asyncio.create_task(_feed(client, chunks, sent))
        screen = _Json() if options.json else _Screen(config, sent)
        with _first_interrupt_ends(feeder), screen:
            try:
                await _receive(client, screen)
            finally:
                feeder.cancel()
                (wrong,) = await asyncio.gather(feeder, return_exceptions=True)
        if isinstance(wrong, Exception):
            raise wrong  # the source failed; what came before is shown


async def _receive(client: CaptionClient, screen: _Screen | _Json) -> None:
    async for received in client:
        screen.show(received)
        message = received.message
        if isinstance(message, SessionEnded) and message.reason is not EndReason.CLIENT_ENDED:
            raise BackendUnavailable(
                f"the session ended early: {message.reason.value}; {screen.last_error}".rstrip("; ")
            )


async def _feed(client: CaptionClient, chunks: AsyncIterator[bytes], sent: _Sent) -> None:
    try:
        async for chunk in chunks:
            await client.send(chunk)
            sent.seconds += len(chunk) / BYTES_PER_SAMPLE / SAMPLE_RATE
    finally:
        await client.end()


class _Sent:
    """How far the audio has got, for the progress line."""

    def __init__(self, total_s: float | None) -> None:
        self.seconds = 0.0
        self._total_s = total_s

    def __rich__(self) -> Text:
        if self._total_s:
            share = min(100, round(100 * self.seconds / self._total_s))
            return Text(f"{self.seconds:.0f} of {self._total_s:.0f} s sent ({share} %)", "dim")
        return Text(f"{self.seconds:.0f} s sent", "dim")


class _Screen:
    """Captions for people; without a terminal only what is final."""

    def __init__(self, config: SessionConfig, sent: _Sent) -> None:
        self.last_error = ""
        self._view = CaptionView(config.target_languages)
        self._sent = sent
        self._console: Console = stdout()
        self._live = (
            Live(console=self._console, get_renderable=self._tail, refresh_per_second=8)
            if self._console.is_terminal
            else None
        )

    def __enter__(self) -> None:
        if self._live is not None:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        rest = self._view.rest()
        self._print(rest)
        if self._live is not None:
            self._live.stop()

    def show(self, received: Received) -> None:
        message = received.message
        if isinstance(message, SessionStarted):
            applied = message.config
            stderr().print(
                f"[dim]{escape(applied.engine)}, {escape(applied.model)}: "
                f"{escape(applied.engine_reason)}[/]"
            )
        elif isinstance(message, SessionError | ErrorMessage):
            self.last_error = message.message
            stderr().print(f"[yellow]{escape(message.message)}[/]")
        else:
            self._print(self._view.apply(message))

    def _print(self, lines: list[Text]) -> None:
        for line in lines:
            self._console.print(line, soft_wrap=not self._console.is_terminal)

    def _tail(self) -> Group:
        return Group(self._view.tail(), self._sent)


class _Json:
    """One event a line."""

    def __init__(self) -> None:
        self.last_error = ""

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return

    def show(self, received: Received) -> None:
        message = received.message
        if isinstance(message, SessionError | ErrorMessage):
            self.last_error = message.message
        write_json(message)


@contextlib.contextmanager
def _first_interrupt_ends(feeder: asyncio.Task[None]) -> Generator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        feeder.cancel()

    try:
        loop.add_signal_handler(signal.SIGINT, stop)
    except (NotImplementedError, RuntimeError, ValueError):
        yield  # not the main thread, or a system without signals
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
