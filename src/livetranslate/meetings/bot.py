"""One bot from its request to its end: a browser, a page, the policy's verdicts, what is heard."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from livetranslate.domain.errors import InvalidInput, LiveTranslateError
from livetranslate.meetings.address import MeetingAddress
from livetranslate.meetings.attribution import Attribution, Spoke
from livetranslate.meetings.browser import BrowserPlan, Browsers
from livetranslate.meetings.camera import PageCamera
from livetranslate.meetings.errors import BrowserUnavailable
from livetranslate.meetings.hearing import BLOCK_S, Block, Deafness, Unbroken, decode_block
from livetranslate.meetings.observation import Participant
from livetranslate.meetings.options import BotOptions, BotRequest
from livetranslate.meetings.page import MeetingPage, PageLost
from livetranslate.meetings.policy import Act, MeetingPolicy, Verdict
from livetranslate.meetings.states import BotState, EndCause

MOST_WAITING = 375
"""Blocks (60 s) that may wait for the session; beyond it the oldest go, and count as missing."""
DRAIN_S = 5.0
"""Seconds that what was heard last has to get into the session."""
_log = structlog.get_logger(__name__)


class Hearer(Protocol):
    """Where what a bot hears goes."""

    async def audio(self, pcm: bytes) -> None:
        """Take 160 ms, s16le mono 16 kHz; may wait."""
        ...

    async def spoke(self, found: list[Spoke]) -> None:
        """Take who spoke; times are of the audio."""
        ...


class Bot:
    """A bot.

    Args:
        bot_id: Its name.
        request: What it is to do.
        address: Where to, checked.
        options: How bots run.
        browsers: Starts browsers.
        hearer: Where what it hears goes.
        is_bot: Tells other bots from people.
        clock: Monotonic seconds.

    Attributes:
        state: Where it is.
        cause: Why it ended.
        reason: The same in words for people, or what it needs help with.
        participants: Who is in the call.
        restarts: Times that its browser or page was opened anew.
        heard_s: Seconds of audio heard.
        deaf: Whether others speak and nothing is heard.
        missing: Blocks of audio that never came.
        camera: Takes the frames that are to be seen.
    """

    def __init__(
        self,
        bot_id: str,
        request: BotRequest,
        address: MeetingAddress,
        options: BotOptions,
        browsers: Browsers,
        hearer: Hearer,
        is_bot: Callable[[Participant], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bot_id = bot_id
        self.request = request
        self.state = BotState.JOINING
        self.cause: EndCause | None = None
        self.reason: str | None = None
        self.participants: tuple[Participant, ...] = ()
        self.restarts = 0
        self.heard_s = 0.0
        self.camera = PageCamera(asyncio.get_running_loop())
        self._address = address
        self._options = options
        self._browsers = browsers
        self._hearer = hearer
        self._clock = clock
        self._policy = MeetingPolicy(options.patience, is_bot)
        self._names: dict[str, str] = {}
        self._attribution = Attribution(self._names.get)
        self._unbroken = Unbroken()
        self._deafness = Deafness()
        self._waiting: deque[Block] = deque()
        self._arrived = asyncio.Event()
        self._stop = asyncio.Event()
        self._dropped = 0
        self._handing = False
        self._idle = asyncio.Event()

    @property
    def deaf(self) -> bool:
        """Whether others speak and nothing is heard."""
        return self._deafness.deaf

    @property
    def missing(self) -> int:
        """Blocks of audio that never came."""
        return self._unbroken.missing + self._dropped

    def stop(self) -> None:
        """Ask it to leave."""
        self._stop.set()

    def fail(self, reason: str) -> None:
        """Note that it came to an end that nothing foresaw."""
        if not self.state.over:
            self._end(EndCause.BROWSER_LOST, reason)

    async def run(self) -> None:
        """Run to the end; afterwards ``state`` is final and no process is left."""
        hearing = asyncio.create_task(self._hear(), name=f"{self.bot_id} hears")
        try:
            await self._attend()
        except asyncio.CancelledError:
            self._end(EndCause.STOPPED, "the service stopped")
            raise
        except BrowserUnavailable as error:
            self._end(EndCause.BROWSER_LOST, error.message)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._heard_all(hearing)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            await self._tell(self._attribution.rest())
            self.participants = ()

    async def _attend(self) -> None:
        in_a_row = 0
        while True:
            began = self._clock()
            try:
                await self._visit()
                return
            except PageLost as lost:
                steady = self._clock() - began >= self._options.steady_s
                in_a_row = 1 if steady else in_a_row + 1
                if self._stop.is_set():
                    return self._end(EndCause.STOPPED, None)
                if in_a_row > self._options.restarts:
                    return self._end(EndCause.BROWSER_LOST, f"the page was lost: {lost}")
                _log.warning("page lost", bot_id=self.bot_id, reason=str(lost), again=in_a_row)
                self.restarts += 1
                self._become(BotState.JOINING)
                self._policy.start_over(self._clock())
                self._unbroken.new_page()

    async def _visit(self) -> None:
        """Run one browser until the bot's end; raises PageLost when it has to be opened anew."""
        plan = BrowserPlan(
            executable=self._options.executable,
            profile=self._options.profile,
            pins=[(self._address.host, self._address.pinned)] if self._address.pinned else [],
            loopback=self._address.pinned is None,
            start_s=self._options.start_s,
        )
        async with self._browsers.open(plan) as context:
            page = await MeetingPage.open(
                context, self._address.url, self._on_block, self._options.start_s
            )
            drawing = asyncio.create_task(self._draw(page), name=f"{self.bot_id} draws")
            try:
                await self._stay(page)
            finally:
                drawing.cancel()
                await asyncio.gather(drawing, return_exceptions=True)

    async def _stay(self, page: MeetingPage) -> None:
        """Look and act until the bot's end."""
        while not self._stop.is_set():
            verdict = await self._step(page)
            if verdict.cause is not None:
                if verdict.state is BotState.LEAVING:
                    self._become(BotState.LEAVING)
                    await page.leave()
                return self._end(verdict.cause, None)
            await self._pause()
        self._become(BotState.LEAVING)
        await page.leave()
        self._end(EndCause.STOPPED, None)

    async def _draw(self, page: MeetingPage) -> None:
        """Bring the picture's changes to the page's camera."""
        patch = self.camera.whole()
        with suppress(PageLost):  # whoever looks at the page finds out too
            while True:
                if patch is not None:
                    await page.draw(patch)
                patch = await self.camera.next()

    async def _step(self, page: MeetingPage) -> Verdict:
        seen = await page.look()
        verdict = self._policy.judge(seen, self._clock())
        if verdict.act is Act.START_OVER:
            raise PageLost("the page shows no call any more")
        if verdict.act is Act.ASK_TO_JOIN:
            await page.ask_to_join(self.request.bot_name, camera=self.request.camera)
        if verdict.cause is None:
            await self._take(page, verdict.state, seen.participants)
        return verdict

    async def _take(
        self, page: MeetingPage, state: BotState, participants: tuple[Participant, ...]
    ) -> None:
        if state is BotState.ACTIVE:
            self._names.update({one.id: one.name for one in participants if not one.is_self})
            self.participants = participants
            if self.state is not BotState.ACTIVE:
                await page.set_devices(camera=self.request.camera)  # a lobby may have changed them
        if state is BotState.NEEDS_HELP:
            self.reason = "the page asks for something that the bot does not know"
        elif self.state is BotState.NEEDS_HELP:
            self.reason = None
        self._become(state)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._options.look_s):
                await self._stop.wait()
        except TimeoutError:
            return

    def _become(self, state: BotState) -> None:
        if state is not self.state:
            self.state = self.state.to(state)
            _log.info("bot", bot_id=self.bot_id, state=state.value)

    def _end(self, cause: EndCause, reason: str | None) -> None:
        self._become(cause.end(was_active=self._policy.was_active))
        self.cause, self.reason = cause, reason or self.reason

    def _on_block(self, text: str) -> None:
        try:
            blocks = self._unbroken.take(decode_block(text))
        except InvalidInput as error:
            _log.warning("block refused", bot_id=self.bot_id, reason=error.message)
            return
        self._waiting.extend(blocks)
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._arrived.set()

    async def _hear(self) -> None:
        """Hand on what is heard, in order."""
        while True:
            while not self._waiting:
                self._handing = False
                self._idle.set()
                self._arrived.clear()
                await self._arrived.wait()
            block, self._handing = self._waiting.popleft(), True
            if self._deafness.take(block):
                _log.warning(
                    "others speak and nothing is heard", bot_id=self.bot_id, deaf=self.deaf
                )
            start, self.heard_s = self.heard_s, round(self.heard_s + BLOCK_S, 3)
            try:
                await self._hearer.audio(block.pcm)
            except LiveTranslateError as error:
                _log.warning("audio not taken", bot_id=self.bot_id, reason=error.message)
                self.reason = f"the session takes no audio: {error.message}"
                self._stop.set()
                self._idle.set()
                return
            await self._tell(self._attribution.take(block, start))

    async def _heard_all(self, hearing: asyncio.Task[None]) -> None:
        """Wait until everything that came is handed on."""
        while (self._waiting or self._handing) and not hearing.done():
            self._idle.clear()
            await self._idle.wait()

    async def _tell(self, found: list[Spoke]) -> None:
        if not found:
            return
        try:
            await self._hearer.spoke(found)
        except LiveTranslateError as error:
            _log.warning("names not taken", bot_id=self.bot_id, reason=error.message)
