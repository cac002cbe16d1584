"""Meeting bots on this process's sessions: each bot feeds a live session of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import msgspec
import structlog

from livetranslate.domain.errors import InvalidInput, LiveTranslateError, NotFound
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerEvidence, SpeakerSource
from livetranslate.meetings.attribution import Spoke
from livetranslate.meetings.manager import BotManager, BotStatus
from livetranslate.meetings.options import BotRequest
from livetranslate.meetings.states import BotState
from livetranslate.services.bot_camera import BotCamera
from livetranslate.sessions.manager import SessionManager
from livetranslate.sessions.naming import SpeakerNaming
from livetranslate.settings import Settings

RETRY_S = 0.5
CLOSE_S = 5.0
PATIENCE_S = 60.0
"""Seconds for which a session's log may be away before its bot gives up."""
_log = structlog.get_logger(__name__)


class BotOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for.

    Attributes:
        meeting_url: Where to.
        bot_name: Name it joins with.
        language: Language spoken, or ``auto``.
        target_languages: Languages to translate into; the first is shown by the webcam.
        virtual_webcam: Whether it shows subtitles through its camera.
        record: Refused: what a bot hears cannot be stored.
    """

    meeting_url: str
    bot_name: str = "LiveTranslate (captions bot)"
    language: str = "auto"
    target_languages: tuple[str, ...] = ()
    virtual_webcam: bool = False
    record: bool = False


class MeetingBots:
    """Bots and their sessions.

    Args:
        settings: The process's settings.
        sessions: Its live sessions.
        naming: Takes who spoke when.
    """

    def __init__(self, settings: Settings, sessions: SessionManager, naming: SpeakerNaming) -> None:
        self._sessions = sessions
        self._naming = naming
        self._ears: dict[str, _SessionEar] = {}
        self._cameras: dict[str, BotCamera] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._bots = BotManager(settings.bot_options(), resolve, on_end=self._on_end)

    async def start(self, order: BotOrder) -> BotStatus:
        """Send a bot to a meeting, with a session of its own.

        Raises:
            InvalidInput: A field is wrong, or the address is not one that bots may open.
            BrowserUnavailable: There is no browser here.
            Overloaded: No more bots or sessions are taken.
        """
        if order.record:
            raise InvalidInput("what a bot hears cannot be stored; leave it out", field="record")
        request = BotRequest(
            meeting_url=order.meeting_url,
            bot_name=order.bot_name,
            camera=order.virtual_webcam,
        )
        await self._bots.check(request)
        config = SessionConfig(
            language=order.language,
            target_languages=order.target_languages,
            metadata={"title": order.bot_name, "meeting_url": order.meeting_url},
        )
        ear = _SessionEar(self._sessions, self._naming)
        await ear.open(config)
        try:
            status = await self._bots.start(request, ear.session_id, ear)
        except LiveTranslateError:
            await ear.end(EndReason.FAILED)
            raise
        self._ears[status.bot_id] = ear
        if order.virtual_webcam:
            self._show(status, order.target_languages)
        return status

    def _show(self, status: BotStatus, targets: tuple[str, ...]) -> None:
        """Let a bot show its session's subtitles; without fonts it goes on unseen."""
        sinks = [self._bots.camera(status.bot_id)]
        try:
            camera = BotCamera(self._sessions.log, status.session_id, targets, sinks)
        except LiveTranslateError as error:
            _log.warning("no subtitles", bot_id=status.bot_id, reason=error.message)
            return
        self._cameras[status.bot_id] = camera
        self._keep(asyncio.create_task(camera.run(), name=f"{status.bot_id} camera"))

    def frame(self, bot_id: str) -> bytes:
        """Return what a bot shows at present as a PNG file; blocks for as long as a frame.

        Raises:
            NotFound: There is no such bot, or it shows nothing.
        """
        self._bots.get(bot_id)
        if bot_id not in self._cameras:
            raise NotFound(
                "this bot shows nothing now; ask for it with virtual_webcam", field="bot_id"
            )
        return self._cameras[bot_id].png()

    def list(self) -> list[BotStatus]:
        """Return all bots, the newest first."""
        return self._bots.list()

    def get(self, bot_id: str) -> BotStatus:
        """Return a bot; raises NotFound."""
        return self._bots.get(bot_id)

    async def stop(self, bot_id: str) -> BotStatus:
        """Make a bot leave; returns once it has. Raises NotFound."""
        return await self._bots.stop(bot_id)

    async def close(self) -> None:
        """Make all bots leave, and end their sessions."""
        await self._bots.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _on_end(self, status: BotStatus) -> None:
        ear = self._ears.pop(status.bot_id, None)
        if ear is None:
            return
        heard = status.heard_s > 0 or status.state is BotState.COMPLETED
        reason = EndReason.CLIENT_ENDED if heard else EndReason.FAILED
        self._cameras.pop(status.bot_id, None)
        self._keep(asyncio.create_task(ear.end(reason)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Hold a task until it is done."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _SessionEar:
    """A bot in its session's place for a feeder."""

    def __init__(self, sessions: SessionManager, naming: SpeakerNaming) -> None:
        self._sessions = sessions
        self._naming = naming
        self._seq = 0
        self.session_id = ""

    async def open(self, config: SessionConfig) -> None:
        state = await self._sessions.open(None, config, kind="bot", feeder=self)
        self.session_id, self._seq = state.session_id, state.next_seq

    def taken_over(self, session_id: str) -> None:
        """Hear that a connection feeds the session instead; the next append fails."""

    async def audio(self, pcm: bytes) -> None:
        """Append a block; tries again while the log is away."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        while True:
            try:
                await self._sessions.feed(self.session_id, self, self._seq, pcm)
            except LiveTranslateError as error:
                if not error.retryable or loop.time() > until:
                    raise
                await asyncio.sleep(RETRY_S)
            else:
                self._seq += 1
                return

    async def spoke(self, found: Sequence[Spoke]) -> None:
        """Give who spoke to the session, as evidence for its speakers' names."""
        evidence = [
            SpeakerEvidence(
                source=SpeakerSource(one.basis.value),
                speaker_name=one.name,
                external_id=one.participant_id,
                start=one.start,
                end=one.end,
                confidence=one.confidence,
                details={"sources": list(one.sources)} if one.sources else {},
            )
            for one in found
        ]
        await self._naming.add(self.session_id, evidence)

    async def end(self, reason: EndReason) -> None:
        """End the session; its last words still come."""
        try:
            await self._sessions.end(self.session_id, reason)
            await self._sessions.feeder_gone(self.session_id, self)
        except LiveTranslateError as error:
            _log.warning("bot's session not ended", session_id=self.session_id, code=error.code)


async def resolve(host: str) -> list[str]:
    """Return the addresses of a host, those of IPv4 first; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    ordered = sorted(found, key=lambda one: one[0] is not socket.AF_INET)
    return list(dict.fromkeys(str(one[4][0]) for one in ordered))
