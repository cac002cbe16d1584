"""Feeding a running platform in real time through its ``/ws``, as any client does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TypeVar

from websockets.asyncio.client import ClientConnection

from bench.captions import Seen, Viewer
from bench.corpus import Recording
from bench.recognise import CHUNK
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.events import SessionEnded, TranscriptionResult
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.services.client import CaptionClient
from livetranslate.services.client.incoming import decode_server_message
from livetranslate.services.client.sources import paced

T = TypeVar("T")

WAIT_S = 60.0
"""Seconds for which a message is waited for."""


async def watch(url: str, recording: Recording) -> Seen:
    """Stream a recording in real time and return what a viewer saw of it.

    Raises:
        BackendUnavailable: The session failed.
    """
    viewer = Viewer()
    config = SessionConfig(language=recording.entry.language)
    async with CaptionClient(url, config) as client:
        begin = time.monotonic()
        feeding = asyncio.create_task(_feed(client, recording))
        async for received in client:
            message = received.message
            if isinstance(message, TranscriptionResult):
                viewer.take(message, received.at - begin)
            elif isinstance(message, SessionEnded) and message.reason is not EndReason.CLIENT_ENDED:
                raise BackendUnavailable(f"the session ended: {message.reason.value}")
        await feeding
    return viewer.seen()


async def _feed(client: CaptionClient, recording: Recording) -> None:
    async for chunk in paced(_chunks(recording), 1.0):
        await client.send(chunk)
    await client.end()


async def _chunks(recording: Recording) -> AsyncIterator[bytes]:
    pcm = recording.pcm
    for start in range(0, len(pcm), CHUNK):
        yield pcm[start : start + CHUNK].tobytes()


def spoken_s(recordings: list[Recording]) -> float:
    """Return the duration of recordings in seconds."""
    return sum(len(recording.audio) for recording in recordings) / SAMPLE_RATE


async def until(socket: ClientConnection, kind: type[T]) -> T:
    """Return the next message of a kind; raises TimeoutError."""
    async with asyncio.timeout(WAIT_S):
        while True:
            message = decode_server_message(await socket.recv())
            if isinstance(message, kind):
                return message
