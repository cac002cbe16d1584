"""Rehearsal meetings with bots, and the browsers that they start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psutil

from livetranslate.meetings.attribution import Spoke
from livetranslate.meetings.manager import BotManager, BotStatus
from livetranslate.meetings.options import BotOptions, BotRequest
from livetranslate.meetings.policy import Patience
from livetranslate.services.bots import resolve
from livetranslate.services.rehearsal.room import Guest, Room
from livetranslate.services.rehearsal.server import RehearsalServer

PATIENT_S = 40.0


class Ear:
    """Keeps what a bot hears."""

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.found: list[Spoke] = []

    async def audio(self, pcm: bytes) -> None:
        self.pcm += pcm

    async def spoke(self, found: list[Spoke]) -> None:
        self.found += found


class Meeting:
    """A rehearsal with bots.

    Attributes:
        room: The host's side.
        knocks: Guests that came to the lobby.
        stage: The cast's page, if it is open.
    """

    def __init__(self, server: RehearsalServer, room: Room) -> None:
        self.server = server
        self.room = room
        self.stage: Any = None
        self.knocks: asyncio.Queue[Guest] = asyncio.Queue()
        self.room.on_knock = self.knocks.put_nowait
        self.bots = self.manager()

    def manager(self, **options: Any) -> BotManager:
        patience = Patience(alone_s=1.0, lobby_s=30.0)
        wanted = {"patience": patience, "look_s": 0.1, **options}
        self.bots = BotManager(BotOptions(rehearsal_origin=self.server.origin, **wanted), resolve)
        return self.bots

    async def send(self, name: str = "Captions", *, camera: bool = False) -> tuple[str, Ear]:
        """Send a bot; return its id and what it hears."""
        ear = Ear()
        url = self.server.url(self.room)
        request = BotRequest(meeting_url=url, bot_name=name, camera=camera)
        return (await self.bots.start(request, "session", ear)).bot_id, ear

    async def knock(self) -> Guest:
        """Wait until somebody knocks."""
        return await asyncio.wait_for(self.knocks.get(), PATIENT_S)

    async def received(
        self, guest: Guest, fits: Callable[[dict[str, Any]], bool] | None = None
    ) -> dict[str, Any]:
        """What the others get of a guest's camera, once frames come and it fits."""
        async with asyncio.timeout(PATIENT_S):
            while True:
                found = await self.stage.evaluate("id => window.received(id)", guest.person.id)
                if found["fps"] > 0 and (fits is None or fits(found)):
                    return found
                await asyncio.sleep(0.2)  # statistics set no event

    async def until(self, bot_id: str, fits: Callable[[BotStatus], bool]) -> BotStatus:
        """Wait until a bot's status fits."""
        async with asyncio.timeout(PATIENT_S):
            while True:
                status = self.bots.get(bot_id)
                if fits(status):
                    return status
                await asyncio.sleep(0.05)  # a bot sets no event

    async def ended(self, bot_id: str) -> BotStatus:
        """Wait until nothing of a bot runs."""
        return await self.until(bot_id, lambda status: status.ended_at is not None)


def browsers() -> list[psutil.Process]:
    """Browsers that this process started, and theirs."""
    return [
        one
        for one in psutil.Process().children(recursive=True)
        if "chrom" in one.name() and one.status() != psutil.STATUS_ZOMBIE
    ]
