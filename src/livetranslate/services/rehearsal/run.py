"""A whole rehearsal: meeting, cast, platform, bot; captions as they come, a transcript in the end.

The bot is asked for at the platform's own door and joins through the code that joins any meeting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.rehearsal.captions import CaptionFeed, Heard
from livetranslate.services.rehearsal.platform import Platform, run_platform
from livetranslate.services.rehearsal.room import Guest, Room
from livetranslate.services.rehearsal.score import Score, score
from livetranslate.services.rehearsal.script import Line, from_folder, spoken_here
from livetranslate.services.rehearsal.server import RehearsalServer
from livetranslate.services.rehearsal.stage import open_stage

CODE = "reh-ears-al"
ADMIT_S = 1.0
BETWEEN_S = 1.2
SETTLE_S = 3.0
READY_S = 90.0
LOOK_S = 0.2


class RehearsalPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is rehearsed.

    Attributes:
        participants: People that speak.
        turns: Times that somebody speaks; None for two each.
        language: Language spoken.
        targets: Languages to translate into.
        output: Where transcripts go.
        speech: Folder of recordings; None has lines spoken here.
        settings: Settings of the platform.
        api_key: Credential, where the settings ask for one.
    """

    participants: int = 3
    turns: int | None = None
    language: str = "en"
    targets: tuple[str, ...] = ("es",)
    output: Path
    speech: Path | None = None
    settings: dict[str, object] = {}
    api_key: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        bot: The bot's last status.
        score: Words and names; None where the recordings' words are not known.
        camera: What the others received of the bot's camera in the end (frames a second, size).
        files: Transcripts.
        engine: Speech engine at work.
    """

    bot: dict[str, Any]
    score: Score | None
    camera: dict[str, float]
    files: list[Path]
    engine: str


async def rehearse(
    plan: RehearsalPlan, *, tell: Callable[[str], None], show: Callable[[Heard], None]
) -> Outcome:
    """Run a rehearsal.

    Args:
        plan: What.
        tell: Called with what happens, for people.
        show: Called with every final segment.

    Raises:
        LiveTranslateError: No browser, no engine, a wrong setting, or a bot that did not get in.
    """
    await asyncio.to_thread(plan.output.mkdir, parents=True, exist_ok=True)
    lines = await _lines(plan)
    async with RehearsalServer() as server:
        room = server.add_room(CODE)
        room.on_knock = lambda guest: _admit(room, guest, tell)
        settings = {**plan.settings, "rehearsal_origin": server.origin}
        tell(f"meeting at {server.url(room)}")
        async with open_stage(server, room) as stage, run_platform(settings) as platform:
            tell(f"platform at {platform.url}: {platform.engine}")
            watch = _Watch(stage, room, plan.output / "camera.png")
            bot, heard = await _meeting(plan, server, room, platform, lines, (tell, show), watch)
            files = [*await _transcripts(plan, platform, bot), watch.picture]
            return Outcome(
                bot=bot,
                score=_score(lines, heard),
                camera=watch.received,
                files=files,
                engine=platform.engine,
            )


class _Watch:
    """Looks at what the others receive of the bot's camera."""

    def __init__(self, stage: Any, room: Room, picture: Path) -> None:
        self._stage = stage
        self._room = room
        self.picture = picture
        self.received: dict[str, float] = {}

    async def look(self) -> None:
        """Take a picture, and note the figures."""
        for guest in self._room.inside:
            name = guest.person.id
            self.received = await self._stage.evaluate("id => window.received(id)", name)
            await self._stage.locator(f"#camera-{name}").screenshot(path=self.picture)


async def _lines(plan: RehearsalPlan) -> list[Line]:
    turns = plan.turns or 2 * plan.participants
    if plan.speech is not None:
        return from_folder(plan.speech, plan.participants, turns, plan.language)
    return await spoken_here(plan.output, plan.participants, turns, plan.language)


def _admit(room: Room, guest: Guest, tell: Callable[[str], None]) -> None:
    tell(f"{guest.person.name} asks to join")
    asyncio.get_running_loop().call_later(ADMIT_S, room.admit, guest)


async def _meeting(
    plan: RehearsalPlan,
    server: RehearsalServer,
    room: Room,
    platform: Platform,
    lines: list[Line],
    say: tuple[Callable[[str], None], Callable[[Heard], None]],
    watch: _Watch,
) -> tuple[dict[str, Any], list[Heard]]:
    """Hold the meeting; returns the bot's last status and what was written."""
    tell, show = say
    order = {
        "meeting_url": server.url(room),
        "language": plan.language,
        "target_languages": plan.targets,
        "virtual_webcam": True,
    }
    bot = await _call(plan, platform, "POST", "/api/bots", order)
    address = f"/api/bots/{bot['bot_id']}"
    feed = CaptionFeed(
        platform.url, bot["session_id"], api_key=plan.api_key, show=show, targets=plan.targets
    )
    listening = asyncio.create_task(feed.run())
    try:
        await _until(plan, platform, address, "active")
        tell("the bot is in the meeting")
        await _speak(server, room, lines)
        await asyncio.sleep(SETTLE_S)
        await watch.look()
        tell("the host ends the meeting")
        room.end()
        bot = await _until(plan, platform, address, "completed")
        await asyncio.wait_for(listening, READY_S)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return bot, feed.heard


async def _speak(server: RehearsalServer, room: Room, lines: list[Line]) -> None:
    """Let the cast speak in turn; each comes in when it is the first time its turn."""
    ids: dict[str, str] = {}
    for line in lines:
        if line.name not in ids:
            ids[line.name] = room.join(line.name).id
        await server.speak(room, ids[line.name], line.recording)
        await asyncio.sleep(BETWEEN_S)


async def _until(
    plan: RehearsalPlan, platform: Platform, address: str, state: str
) -> dict[str, Any]:
    """Wait until a bot is in a state; raises BackendUnavailable if it ends in another."""
    async with asyncio.timeout(READY_S):
        while True:
            bot = await _call(plan, platform, "GET", address)
            if bot["state"] == state:
                return bot
            if bot["state"] in ("completed", "failed"):
                why = bot["reason"] or bot["cause"]
                raise BackendUnavailable(f"the bot is {bot['state']} instead of {state}: {why}")
            await asyncio.sleep(LOOK_S)


async def _transcripts(plan: RehearsalPlan, platform: Platform, bot: dict[str, Any]) -> list[Path]:
    session = f"/api/sessions/{bot['session_id']}"
    try:
        async with asyncio.timeout(READY_S):
            # Another process writes it down, which sets no event here.
            while (await _call(plan, platform, "GET", session))["status"] == "active":  # noqa: ASYNC110 - as said
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        raise BackendUnavailable(
            f"the session was not written down within {READY_S:g} s of its end; the platform's "
            "output above says why"
        ) from error
    files: list[Path] = []
    for name in ("md", "json", "srt"):
        data = await _fetch(plan, platform, "GET", f"{session}/transcript?format={name}")
        path = plan.output / f"transcript.{name}"
        await asyncio.to_thread(path.write_bytes, data)
        files.append(path)
    return files


async def _call(
    plan: RehearsalPlan, platform: Platform, method: str, path: str, body: object = None
) -> dict[str, Any]:
    return msgspec.json.decode(await _fetch(plan, platform, method, path, body))


async def _fetch(
    plan: RehearsalPlan, platform: Platform, method: str, path: str, body: object = None
) -> bytes:
    headers = {"Authorization": f"Bearer {plan.api_key}"} if plan.api_key else {}
    data = None if body is None else msgspec.json.encode(body)
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, platform.url + path, data=data) as answer,
    ):
        content = await answer.read()
        if answer.status >= 400:
            problem = msgspec.json.decode(content)
            raise BackendUnavailable(str(problem.get("detail", answer.reason)))
        return content


def _score(lines: list[Line], heard: list[Heard]) -> Score | None:
    said = [(line.name, line.text) for line in lines if line.text is not None]
    if len(said) < len(lines):
        return None
    return score(said, [(one.speaker, one.text) for one in heard])
