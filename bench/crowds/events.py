"""The event that every contender publishes, and its pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.speech import Word
from livetranslate.domain.wire import encode

WORDS = 8


def event(session_id: str, size: int) -> TranscriptionResult:
    """Return a final segment of eight words that carries its time; ``size`` bytes at least."""
    mark = f"sent-ns={time.monotonic_ns():020d} "
    words = tuple(Word(f"word{n}", n / 2, n / 2 + 0.4, 0.9, True) for n in range(WORDS))
    return TranscriptionResult(
        session_id=session_id,
        timestamp=datetime.now(UTC),
        segment_id=f"seg-{time.monotonic_ns()}",
        text=mark + "x" * max(0, size - 1000),
        language="en",
        confidence=0.9,
        start=0.0,
        end=4.0,
        is_final=True,
        words=words,
    )


def text_of(size: int) -> str:
    """Return the event as the text that viewers get."""
    return encode(event("s", size)).decode()


async def publish_paced(
    publish: Callable[[int], Awaitable[None]], command: dict[str, Any]
) -> dict[str, Any]:
    """Publish ``count`` events of ``size`` bytes, one a ``period_s``; not faster than it goes."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(command["count"]):
        await asyncio.sleep(max(0.0, began + number * command["period_s"] - loop.time()))
        await publish(command["size"])
    return {"seconds": loop.time() - began}
