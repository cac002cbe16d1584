"""The cast's browser: one page on which all people of the rehearsal speak."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from livetranslate.meetings.browser import BrowserPlan, Browsers
from livetranslate.services.rehearsal.room import Room
from livetranslate.services.rehearsal.server import RehearsalServer


@asynccontextmanager
async def open_stage(
    server: RehearsalServer, room: Room, *, channels: int = 3, executable: str | None = None
) -> AsyncGenerator[Any]:
    """Run the cast's page; yields it (a page of Playwright's).

    Args:
        server: Serves the page.
        room: Where the cast is.
        channels: Audio channels that the cast shares.
        executable: Chromium; None looks for it.

    Raises:
        BrowserUnavailable: No browser can be started.
    """
    browsers = Browsers()
    try:
        async with browsers.open(BrowserPlan(executable=executable, loopback=True)) as context:
            page = context.pages[0] if context.pages else await context.new_page()
            await page.goto(server.stage_url(room, channels))
            await server.staged(room)
            yield page
    finally:
        await browsers.close()
