"""The WebSocket of the translation service: segments in, translations out.

Every message is a JSON object in a text frame. In, one segment's present state::

    {"type": "segment", "segment_id": "s1", "text": "Good morning", "is_final": false,
     "source_language": "en", "target_languages": ["es"], "context": "…", "glossary": {"a": "b"},
     "speaker_id": null, "speaker_name": null}

``type`` may be left out. ``target_languages``, ``context`` and ``glossary`` stay in force until
they are given again; ``source_language`` is detected if left out. ``{"type": "flush"}`` is answered
with ``{"type": "flushed"}`` once every final segment before it is translated.

Out, ``translation_result`` events as sessions have them, numbered by ``event_id`` from 1: one for
each final segment and language, and previews of segments that are not final. What cannot be
understood is answered with ``{"type": "error", "code", "message", "field", "fatal"}``.

Results are sent as fast as they are read: to a reader that is too slow, previews coalesce; then no
more segments are read from it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast
from uuid import uuid4

import msgspec
from fastapi import WebSocket, WebSocketDisconnect

from livetranslate.domain import wire
from livetranslate.domain.errors import InvalidInput, LiveTranslateError, MessageTooLarge
from livetranslate.domain.events import SessionError, TranscriptionResult, TranslationResult
from livetranslate.domain.session import LANGUAGE_PATTERN
from livetranslate.translation.base import Translator
from livetranslate.translation.options import AUTO
from livetranslate.translation.segment_queue import SegmentOptions
from livetranslate.translation.segments import SegmentTranslator

MAX_MESSAGE_BYTES = 1024 * 1024
_TOO_BIG = 1009


class SegmentMessage(msgspec.Struct):
    """One segment's present state."""

    segment_id: str
    text: str
    is_final: bool = True
    source_language: str | None = None
    target_languages: tuple[str, ...] | None = None
    context: str | None = None
    glossary: dict[str, str] | None = None
    speaker_id: str | None = None
    speaker_name: str | None = None


class FlushMessage(msgspec.Struct):
    """Ask to be told when all final segments so far are translated."""


class SegmentStream:
    """One connection to ``/ws``."""

    def __init__(
        self,
        socket: WebSocket,
        translator: Translator,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        options: SegmentOptions | None,
    ) -> None:
        self._socket = socket
        self._now = now
        self._id = f"conn-{uuid4().hex[:12]}"
        self._events = 0
        self._sending = asyncio.Lock()
        self._has_targets = False
        self._segments = SegmentTranslator(
            translator, self._id, self._emit, now=now, clock=clock, options=options
        )

    async def serve(self) -> None:
        """Serve the connection to its end."""
        await self._socket.accept()
        try:
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                data: str | bytes = message.get("text") or message.get("bytes") or ""
                if not await self._take(data):
                    return
        except WebSocketDisconnect:
            return
        finally:
            await self._segments.close()

    async def _take(self, data: str | bytes) -> bool:
        """Work on one message; return whether the connection goes on."""
        try:
            if len(data) > MAX_MESSAGE_BYTES:
                raise MessageTooLarge(f"a message has at most {MAX_MESSAGE_BYTES} bytes")
            await self._handle(_decode(data))
        except MessageTooLarge as error:
            await self._send_error(error, fatal=True)
            await self._socket.close(_TOO_BIG)
            return False
        except LiveTranslateError as error:
            await self._send_error(error, fatal=False)
        return True

    async def _handle(self, message: SegmentMessage | FlushMessage) -> None:
        if isinstance(message, FlushMessage):
            await self._segments.flush()
            await self._send(b'{"type":"flushed"}')
            return
        _check_languages(message)
        self._has_targets = self._has_targets or bool(message.target_languages)
        if not self._has_targets:
            raise InvalidInput(
                "target_languages is missing; the first segment has to give it",
                field="target_languages",
            )
        self._segments.configure(
            target_languages=message.target_languages,
            context=message.context,
            glossary=message.glossary,
        )
        await self._segments.update(
            TranscriptionResult(
                session_id=self._id,
                timestamp=self._now(),
                segment_id=message.segment_id,
                text=message.text,
                language=None if message.source_language == AUTO else message.source_language,
                confidence=None,
                start=0.0,
                end=0.0,
                speaker_id=message.speaker_id,
                speaker_name=message.speaker_name,
                is_final=message.is_final,
                words=(),
            )
        )

    async def _emit(self, result: TranslationResult) -> None:
        self._events += 1
        await self._send(wire.encode(msgspec.structs.replace(result, event_id=self._events)))

    async def _send_error(self, error: LiveTranslateError, *, fatal: bool) -> None:
        event = SessionError(
            session_id=self._id,
            timestamp=self._now(),
            code=error.code,
            message=error.message,
            fatal=fatal,
            field=error.field,
            retry_after_s=error.retry_after_s,
        )
        with contextlib.suppress(WebSocketDisconnect):
            await self._send(wire.encode(event))

    async def _send(self, data: bytes) -> None:
        async with self._sending:
            await self._socket.send_text(data.decode())


def check_language(code: str, *, field: str) -> None:
    """Raise InvalidInput naming ``field`` if a code does not have the form of ISO 639."""
    if not LANGUAGE_PATTERN.fullmatch(code):
        raise InvalidInput(f"{field}: {code!r} is not a language code such as 'es'", field=field)


def _decode(data: str | bytes) -> SegmentMessage | FlushMessage:
    try:
        plain: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wire.invalid(error) from error
    kind = cast("dict[str, Any]", plain).get("type") if isinstance(plain, dict) else None
    if kind == "flush":
        return FlushMessage()
    if kind not in (None, "segment"):
        raise InvalidInput(f"type {kind!r} is neither 'segment' nor 'flush'", field="type")
    return wire.convert(plain, SegmentMessage)


def _check_languages(message: SegmentMessage) -> None:
    for target in message.target_languages or ():
        check_language(target, field="target_languages")
    if message.source_language not in (None, AUTO):
        check_language(message.source_language or "", field="source_language")
