"""Captions of a rehearsal as they come: a final segment waits a moment for its speaker's name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from websockets.asyncio.client import connect

from livetranslate.domain.events import (
    SessionEnded,
    SpeakerUpdate,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.messages import JoinSession
from livetranslate.domain.wire import encode
from livetranslate.services.client.incoming import decode_server_message

NAME_S = 3.0
"""Seconds for which a segment waits for its speaker."""


class Heard(msgspec.Struct):
    """A final segment.

    Attributes:
        segment_id: The segment.
        text: What was said.
        start: Seconds.
        speaker: Who said it, as far as known.
        translations: By language.
        shown: Whether it was shown.
    """

    segment_id: str
    text: str = ""
    start: float = 0.0
    speaker: str | None = None
    translations: dict[str, str] = {}
    shown: bool = False


class CaptionFeed:
    """Listens to a session.

    Args:
        url: Address of orchestration.
        session_id: The session.
        api_key: Credential, where one is asked for.
        show: Called with each segment, once.
        targets: Languages awaited.
    """

    def __init__(
        self,
        url: str,
        session_id: str,
        *,
        api_key: str | None,
        show: Callable[[Heard], None],
        targets: tuple[str, ...],
    ) -> None:
        self._url = url.replace("http", "ws", 1) + "/ws"
        self._session_id = session_id
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._show = show
        self._targets = targets
        self._heard: dict[str, Heard] = {}

    @property
    def heard(self) -> list[Heard]:
        """All final segments, in order of speech."""
        return sorted((one for one in self._heard.values() if one.text), key=lambda one: one.start)

    async def run(self) -> None:
        """Listen until the session has ended."""
        loop = asyncio.get_running_loop()
        async with connect(self._url, additional_headers=self._headers, proxy=None) as socket:
            await socket.send(encode(JoinSession(session_id=self._session_id)).decode())
            async for data in socket:
                message = decode_server_message(data)
                if isinstance(message, TranscriptionResult) and message.is_final:
                    segment = self._segment(message.segment_id)
                    segment.text, segment.start = message.text, message.start
                    segment.speaker = message.speaker_name or segment.speaker
                    loop.call_later(NAME_S, self._now, segment)
                elif isinstance(message, TranslationResult) and message.is_final:
                    segment = self._segment(message.segment_id)
                    segment.translations[message.target_language] = message.translated_text
                elif isinstance(message, SpeakerUpdate):
                    for segment_id in message.segment_ids:
                        self._segment(segment_id).speaker = message.speaker_name
                elif isinstance(message, SessionEnded):
                    break
                self._complete()
        for segment in self.heard:
            self._now(segment)

    def _segment(self, segment_id: str) -> Heard:
        return self._heard.setdefault(segment_id, Heard(segment_id, translations={}))

    def _complete(self) -> None:
        for segment in self.heard:
            if segment.speaker and all(one in segment.translations for one in self._targets):
                self._now(segment)

    def _now(self, segment: Heard) -> None:
        if not segment.shown:
            segment.shown = True
            self._show(segment)
