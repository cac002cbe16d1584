"""A load from the first connection to the report; the body of the command."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from rich.console import Console
from rich.live import Live

from livetranslate.services.load.conductor import Conductor
from livetranslate.services.load.figures import Figures
from livetranslate.services.load.options import LoadOptions
from livetranslate.services.load.report import LoadReport, make_report
from livetranslate.services.load.server import ServerWatch
from livetranslate.services.load.view import show_now

REFRESH_S = 0.5


async def run_load(
    options: LoadOptions, server: str, processes: int, console: Console
) -> tuple[LoadReport, Figures]:
    """Run a load and show it on the console while it runs; Ctrl-C ends it early.

    Args:
        options: The load.
        server: Base address of the installation.
        processes: How many processes make it.
        console: Where it is shown; nothing is, unless that is a terminal.
    """
    conductor = Conductor(options, processes)
    watch = ServerWatch(server, options.api_key)
    watching = asyncio.create_task(watch.run())
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopped.is_set():
            running.cancel()
        stopped.set()
        conductor.stop()

    running = asyncio.create_task(conductor.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        with _live(console) as live:
            while not running.done():
                await asyncio.wait({running}, timeout=REFRESH_S)
                if live is not None:
                    now = show_now(options, conductor.figures(), watch.figures, conductor.elapsed_s)
                    live.update(now, refresh=True)
        if not running.cancelled():
            running.result()
    finally:
        watching.cancel()
        await asyncio.gather(watching, running, return_exceptions=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    figures = conductor.figures()
    report = make_report(
        options,
        processes,
        figures,
        watch.figures,
        conductor.elapsed_s,
        stopped=stopped.is_set(),
    )
    return report, figures


def _live(console: Console) -> contextlib.AbstractContextManager[Live | None]:
    if not console.is_terminal:
        return contextlib.nullcontext()
    return Live(console=console, auto_refresh=False, transient=True)
