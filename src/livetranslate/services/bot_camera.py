"""What a bot shows: its session's captions and translations as subtitles through its camera."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import structlog

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.domain.events import (
    SessionEnded,
    SessionEvent,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.meetings.webcam.frame import FrameSink
from livetranslate.meetings.webcam.options import SubtitleOptions, WebcamOptions
from livetranslate.meetings.webcam.packets import transcription_packet, translation_packet
from livetranslate.meetings.webcam.webcam import Webcam
from livetranslate.sessions.log.base import SessionLog

WAIT_S = 1.0
REMEMBERED = 256
"""Segments whose beginnings are known, for translations that come late."""
_log = structlog.get_logger(__name__)


class BotCamera:
    """Subtitles of one session.

    Args:
        log: Where the session's events are.
        session_id: The session.
        targets: Languages that it is translated into; the first one is shown.
        sinks: Where frames go.
    """

    def __init__(
        self,
        log: SessionLog,
        session_id: str,
        targets: Sequence[str],
        sinks: Sequence[FrameSink],
    ) -> None:
        self._log = log
        self._session_id = session_id
        subtitles = SubtitleOptions(target_language=targets[0] if targets else None)
        self._webcam = Webcam(WebcamOptions(subtitles=subtitles), sinks)
        self._began: OrderedDict[str, float] = OrderedDict()

    def png(self) -> bytes:
        """Return the present picture as a PNG file."""
        return self._webcam.png()

    async def run(self) -> None:
        """Show the session until it has ended."""
        frames = asyncio.create_task(self._webcam.run(), name=f"{self._session_id} webcam")
        try:
            await self._follow()
        except LiveTranslateError as error:
            _log.warning("subtitles ended", session_id=self._session_id, reason=error.message)
        finally:
            self._webcam.stop()
            await asyncio.gather(frames, return_exceptions=True)
            self._webcam.close()

    async def _follow(self) -> None:
        position = 0
        while True:
            events = await self._log.read_events(self._session_id, position, wait_s=WAIT_S)
            for event in events:
                position = event.event_id
                if isinstance(event, SessionEnded):
                    return
                self._take(event)

    def _take(self, event: SessionEvent) -> None:
        if isinstance(event, TranscriptionResult):
            began = self._began.setdefault(event.segment_id, event.start)
            self._webcam.show(transcription_packet(event, began_s=began))
            if len(self._began) > REMEMBERED:
                self._began.popitem(last=False)
        elif isinstance(event, TranslationResult) and event.error is None:
            began = self._began.get(event.segment_id)
            if began is not None:
                self._webcam.show(translation_packet(event, began_s=began))
