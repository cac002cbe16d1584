"""Many bots: started within limits, listed, stopped, and all gone in the end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import structlog

from livetranslate.domain.errors import InvalidInput, NotFound, Overloaded
from livetranslate.meetings.address import MeetingAddress, Resolve, check_meeting_url
from livetranslate.meetings.bot import Bot, Hearer
from livetranslate.meetings.browser import Browsers, find_chromium
from livetranslate.meetings.camera import PageCamera
from livetranslate.meetings.observation import Participant
from livetranslate.meetings.options import BotOptions, BotRequest
from livetranslate.meetings.states import BotState, EndCause

KEPT = 200
"""Ended bots that are still listed."""
MOST_NAME = 60
_log = structlog.get_logger(__name__)


class BotStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A bot, as it is told to clients.

    Attributes:
        bot_id: The bot.
        session_id: The live session that it feeds.
        meeting_url: Where it was sent.
        bot_name: Name it joins with.
        state: Where it is.
        cause: Why it ended.
        reason: More for people.
        participants: Who is in the call.
        heard_s: Seconds of audio heard.
        deaf: Whether others speak and nothing is heard.
        missing_blocks: Blocks of 160 ms that never came.
        restarts: Times that its browser or page was opened anew.
        created_at: When it was asked for.
        ended_at: When it ended.
    """

    bot_id: str
    session_id: str
    meeting_url: str
    bot_name: str
    state: BotState
    cause: EndCause | None
    reason: str | None
    participants: tuple[Participant, ...]
    heard_s: float
    deaf: bool
    missing_blocks: int
    restarts: int
    created_at: datetime
    ended_at: datetime | None


class _Kept:
    def __init__(self, bot: Bot, session_id: str) -> None:
        self.bot = bot
        self.session_id = session_id
        self.created_at = datetime.now(UTC)
        self.ended_at: datetime | None = None
        self.task: asyncio.Task[None] | None = None

    def status(self) -> BotStatus:
        bot = self.bot
        return BotStatus(
            bot_id=bot.bot_id,
            session_id=self.session_id,
            meeting_url=bot.request.meeting_url,
            bot_name=bot.request.bot_name,
            state=bot.state,
            cause=bot.cause,
            reason=bot.reason,
            participants=bot.participants,
            heard_s=bot.heard_s,
            deaf=bot.deaf,
            missing_blocks=bot.missing,
            restarts=bot.restarts,
            created_at=self.created_at,
            ended_at=self.ended_at,
        )


class BotManager:
    """The bots of this process.

    Args:
        options: How they run.
        resolve: Looks a host up.
        on_end: Called with a bot's last status.
    """

    def __init__(
        self,
        options: BotOptions,
        resolve: Resolve,
        *,
        on_end: Callable[[BotStatus], None] | None = None,
    ) -> None:
        self._options = options
        self._resolve = resolve
        self._on_end = on_end
        self._browsers = Browsers()
        self._bots: dict[str, _Kept] = {}
        self._accepting = True

    async def check(self, request: BotRequest) -> None:
        """Raise what would refuse this request: a wrong field, no browser, or no more room."""
        name = " ".join(request.bot_name.split())
        if not 0 < len(name) <= MOST_NAME:
            raise InvalidInput(f"bot_name has 1-{MOST_NAME} characters", field="bot_name")
        await self._address(request)
        find_chromium(self._options.executable)
        self._check_room()

    async def start(self, request: BotRequest, session_id: str, hearer: Hearer) -> BotStatus:
        """Send a bot; raises as ``check``."""
        address = await self._address(request)
        self._check_room()
        bot_id = f"bot-{secrets.token_hex(5)}"
        bot = Bot(bot_id, request, address, self._options, self._browsers, hearer, self._is_bot)
        kept = self._bots[bot_id] = _Kept(bot, session_id)
        kept.task = asyncio.create_task(self._run(kept), name=bot_id)
        return kept.status()

    def list(self) -> list[BotStatus]:
        """Return all bots, the newest first."""
        return [kept.status() for kept in reversed(self._bots.values())]

    def get(self, bot_id: str) -> BotStatus:
        """Return a bot; raises NotFound."""
        return self._kept(bot_id).status()

    def camera(self, bot_id: str) -> PageCamera:
        """Return what takes the frames that a bot shows; raises NotFound."""
        return self._kept(bot_id).bot.camera

    async def stop(self, bot_id: str) -> BotStatus:
        """Make a bot leave, and return once nothing of it runs; raises NotFound."""
        kept = self._kept(bot_id)
        kept.bot.stop()
        if kept.task is not None:
            await asyncio.wait({kept.task})
        return kept.status()

    async def close(self) -> None:
        """Make all bots leave; nothing of them runs afterwards."""
        self._accepting = False
        for kept in self._bots.values():
            kept.bot.stop()
        running = {kept.task for kept in self._bots.values() if kept.task is not None}
        if running:
            _, late = await asyncio.wait(running, timeout=20)
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        await self._browsers.close()

    async def _run(self, kept: _Kept) -> None:
        try:
            await kept.bot.run()
        except Exception:  # noqa: BLE001 - whatever it was, the bot has ended and the log has it
            _log.exception("bot crashed", bot_id=kept.bot.bot_id)
            kept.bot.fail("something went wrong here; the log has it")
        finally:
            kept.ended_at = datetime.now(UTC)
            kept.task = None
            if self._on_end is not None:
                self._on_end(kept.status())
            self._forget()

    def _forget(self) -> None:
        over = [name for name, kept in self._bots.items() if kept.task is None]
        for name in over[: max(0, len(over) - KEPT)]:
            del self._bots[name]

    def _check_room(self) -> None:
        running = sum(kept.task is not None for kept in self._bots.values())
        if not self._accepting:
            raise Overloaded("the service is stopping", retry_after_s=5.0)
        if running >= self._options.max_bots:
            raise Overloaded(
                f"{running} bots run already (MAX_BOTS); stop one first", retry_after_s=30.0
            )

    async def _address(self, request: BotRequest) -> MeetingAddress:
        return await check_meeting_url(
            request.meeting_url,
            hosts=self._options.hosts,
            rehearsal_origin=self._options.rehearsal_origin,
            resolve=self._resolve,
        )

    def _is_bot(self, participant: Participant) -> bool:
        """Tell bots by their names: those of this process's bots are theirs."""
        return any(
            kept.task is not None and kept.bot.request.bot_name == participant.name
            for kept in self._bots.values()
        )

    def _kept(self, bot_id: str) -> _Kept:
        kept = self._bots.get(bot_id)
        if kept is None:
            raise NotFound(f"there is no bot {bot_id}", field="bot_id")
        return kept
