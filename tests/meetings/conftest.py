"""Rehearsal meetings in a real browser for the tests of bots."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from livetranslate.meetings.browser import find_chromium
from livetranslate.meetings.errors import BrowserUnavailable
from livetranslate.services.rehearsal.server import RehearsalServer
from livetranslate.services.rehearsal.stage import open_stage
from support.rehearsals import Meeting, browsers


@pytest.fixture
def chromium() -> str:
    try:
        return find_chromium()
    except BrowserUnavailable as error:
        pytest.skip(error.message)


@pytest.fixture
async def meeting(chromium: str) -> AsyncIterator[Meeting]:
    """A meeting whose cast has no page: for those who only come and go."""
    async with RehearsalServer() as server:
        held = Meeting(server, server.add_room("abc-defg-hij"))
        yield held
        await held.bots.close()
    assert browsers() == []


@pytest.fixture
async def staged(meeting: Meeting) -> AsyncIterator[Meeting]:
    """A meeting in which recordings can be spoken, over two channels."""
    async with open_stage(meeting.server, meeting.room, channels=2) as page:
        meeting.stage = page
        yield meeting
        await meeting.bots.close()
