"""A process of the load tool: ``python -m livetranslate.services.load.process``.

It reads its orders (a line of JSON) from standard input and writes its figures to standard output,
a line of JSON each time. The end of standard input ends the load, so that no process outlives the
one that started it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import msgspec
import uvloop

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.services.load.figures import Figures
from livetranslate.services.load.options import LoadOptions, Share
from livetranslate.services.load.share import LoadShare
from livetranslate.services.load.speech import load_speech

TELL_S = 0.5
"""Seconds between two lines of figures."""


class Orders(msgspec.Struct, frozen=True):
    """What a process is to do."""

    options: LoadOptions
    share: Share


async def _serve(orders: Orders) -> Figures:
    speech = orders.options.speech
    audio = load_speech(Path(speech) if speech else None)
    share = LoadShare(orders.options, orders.share, audio)
    loop = asyncio.get_running_loop()
    threading.Thread(target=_stop_at_end, args=(loop, share), daemon=True).start()
    telling = asyncio.create_task(_tell_for_ever(share))
    try:
        return await share.run()
    finally:
        telling.cancel()


def _stop_at_end(loop: asyncio.AbstractEventLoop, share: LoadShare) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(share.stop)


async def _tell_for_ever(share: LoadShare) -> None:
    while True:
        await asyncio.sleep(TELL_S)
        _tell(share.figures())


def _tell(figures: Figures) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(figures) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """Run a share; the last line of figures is ``done``."""
    orders = msgspec.json.decode(sys.stdin.readline(), type=Orders)
    try:
        _tell(uvloop.run(_serve(orders)))
    except LiveTranslateError as error:
        _tell(Figures(lost=[error.message], errors={error.code: 1}, done=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
