"""A whole meeting: REST in front, a bot in a real browser, words under the right names behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from livetranslate.services.rehearsal.platform import Platform, run_platform
from livetranslate.services.rehearsal.score import score
from support.rehearsals import PATIENT_S, Meeting, browsers
from support.scoring import error_rate
from support.speech import recording

ANA, BEN, CHI = "en_01", "en_02", "en_03"


class Door:
    """The platform's REST."""

    def __init__(self, platform: Platform, client: aiohttp.ClientSession) -> None:
        self._platform = platform
        self._client = client

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        url = self._platform.url + path
        async with self._client.request(method, url, json=body) as answer:
            return answer.status, await answer.json(content_type=None)

    async def until(self, path: str, field: str, value: str) -> Any:
        async with asyncio.timeout(PATIENT_S):
            while True:
                _, found = await self.call("GET", path)
                if found[field] == value:
                    return found
                await asyncio.sleep(0.1)  # states of other processes set no event


@pytest.fixture
async def door(meeting: Meeting, whisper_fixture: Path, tmp_path: Path) -> AsyncIterator[Door]:
    settings: dict[str, object] = {
        "livetranslate_data": tmp_path,
        "whisper_model": str(whisper_fixture),
        "rehearsal_origin": meeting.server.origin,
        "max_bots": 1,
    }
    async with run_platform(settings) as platform, aiohttp.ClientSession() as client:
        yield Door(platform, client)
    assert browsers() == []


async def test_everyones_words_come_out_under_the_right_name(door: Door, staged: Meeting):
    room, server = staged.room, staged.server
    order = {"meeting_url": server.url(room), "bot_name": "Captions", "language": "en"}
    status, bot = await door.call("POST", "/api/bots", order)
    assert status == 201, bot
    guest = await staged.knock()
    await door.until(f"/api/bots/{bot['bot_id']}", "state", "awaiting_admission")
    ana, ben = room.join("Ana"), room.join("Ben")
    room.admit(guest)
    inside = await door.until(f"/api/bots/{bot['bot_id']}", "state", "active")
    assert [one["name"] for one in inside["participants"]] == [
        "Hanna Host",
        "Ana",
        "Ben",
        "Captions",
    ]
    status, problem = await door.call("POST", "/api/bots", order)
    assert (status, problem["code"]) == (503, "overloaded")
    status, problem = await door.call("POST", "/api/bots", {**order, "record": True})
    assert (status, problem["field"]) == (400, "record")

    said: list[tuple[str, str]] = []
    for person, name in ((ana, ANA), (ben, BEN), (None, CHI)):
        speaker = person or room.join("Chi")  # comes late, on a channel that was another's
        await server.speak(room, speaker.id, recording(name).path)
        said.append((speaker.name, recording(name).text))
        await asyncio.sleep(0.8)  # the pause that people make between two turns
    room.remove(guest)

    ended = await door.until(f"/api/bots/{bot['bot_id']}", "state", "failed")
    assert (ended["cause"], ended["missing_blocks"], ended["deaf"]) == ("removed", 0, False)
    session = f"/api/sessions/{bot['session_id']}"
    row = await door.until(session, "status", "completed")
    assert (row["kind"], row["meeting_url"]) == ("bot", order["meeting_url"])
    _, transcript = await door.call("GET", f"{session}/transcript?format=json")
    written = [(one["speaker_name"], one["text"]) for one in transcript["segments"]]
    for name, text in said:
        heard = " ".join(words for speaker, words in written if speaker == name)
        assert error_rate([text], [heard]) <= 0.3, written
    result = score(said, written)
    assert result.named >= 0.95 * result.written, written


async def test_wrong_orders_are_refused_with_the_field(door: Door):
    for body, field in (
        ({}, "meeting_url"),
        ({"meeting_url": "https://evil.test/abc"}, "meeting_url"),
        ({"meeting_url": "http://127.0.0.1:1/abc"}, "meeting_url"),
        ({"meeting_url": "https://meet.google.com/abc", "bot_name": " "}, "bot_name"),
        ({"meeting_url": 7}, "meeting_url"),
    ):
        status, problem = await door.call("POST", "/api/bots", body)
        assert (status, problem["field"]) == (400, field), problem
    status, _ = await door.call("DELETE", "/api/bots/bot-nobody")
    assert status == 404
    status, listed = await door.call("GET", "/api/bots")
    assert (status, listed) == (200, {"bots": [], "next_cursor": None})
