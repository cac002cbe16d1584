"""Figures of a session while it lives and after, from its rows."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.errors import NotFound
from livetranslate.storage.database import Database
from livetranslate.storage.queries import statistics_of
from livetranslate.storage.statistics import spoken_totals, translated_totals
from livetranslate.storage.tables import SessionRow, TranscriptRow

LATELY_S = 60.0
"""What is said now is told from so much of the newest speech."""


BREATH = 20.0
"""Figures are good for so many times the seconds that counting took."""


class SessionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a session.

    Attributes:
        session_id: The session.
        final: Whether it has ended, so that they change no more.
        duration_s: Seconds between start and end; None while it lasts.
        audio_s: Seconds of audio taken; None while only the session's log knows.
        speech_s: Seconds of speech; while it lasts, of the final segments.
        segments: Final segments.
        words: Words in them.
        words_per_minute: Words in a minute of the segments; None without any.
        words_per_minute_now: Words of the last minute in which something was said.
        languages: Language spoken → number of segments.
        mean_confidence: Mean of the segments' confidences.
        translations: Final translations.
        translation_coverage: Share 0-1 of the wanted translations that exist.
        translation_latency_p50_ms: Milliseconds from commit to translation.
        translation_latency_p95_ms: The same.
        translation_latency_p99_ms: The same.
        speakers: Speaker → ``{name, segments, words, speaking_s, share}``.
    """

    session_id: str
    final: bool
    duration_s: float | None
    audio_s: float | None
    speech_s: float
    segments: int
    words: int
    words_per_minute: float | None
    words_per_minute_now: float | None
    languages: dict[str, int]
    mean_confidence: float | None
    translations: int
    translation_coverage: float | None
    translation_latency_p50_ms: float | None
    translation_latency_p95_ms: float | None
    translation_latency_p99_ms: float | None
    speakers: dict[str, Any]


class FiguresReader:
    """Reads figures; a session's rows are counted once in ``ttl_s``, however many ask.

    Args:
        database: Where to read.
        ttl_s: For how long figures are good; longer where counting takes long, so that it never
            takes more than a twentieth of the time.
        most: Sessions whose figures are held at most; overflow policy: drop the longest unused.
        now: Tells monotonic seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        ttl_s: float = 2.0,
        most: int = 1000,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._ttl_s = ttl_s
        self._most = most
        self._now = now
        self._held: OrderedDict[str, tuple[float, SessionFigures]] = OrderedDict()

    async def of(self, session_id: str) -> SessionFigures:
        """Return a session's figures; raises NotFound, BackendUnavailable."""
        held = self._held.get(session_id)
        if held is not None and self._now() < held[0]:
            self._held.move_to_end(session_id)
            return held[1]
        at = self._now()
        async with self._database.read() as connection:
            figures = await _figures(connection, session_id)
        spent_s = self._now() - at
        self._held[session_id] = (at + max(self._ttl_s, BREATH * spent_s), figures)
        self._held.move_to_end(session_id)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return figures


async def _figures(connection: AsyncConnection, session_id: str) -> SessionFigures:
    query = select(
        SessionRow.ended_at, SessionRow.started_at, SessionRow.created_at,
        SessionRow.target_languages,
    ).where(SessionRow.session_id == session_id)  # fmt: skip
    session = (await connection.execute(query)).one_or_none()
    if session is None:
        raise NotFound(f"there is no session {session_id}", field="session_id")
    totals = (await connection.execute(statistics_of(session_id))).mappings().one_or_none()
    if totals is not None:
        found = {key: totals[key] for key in SessionFigures.__struct_fields__ if key in totals}
    else:
        begun, ended = session.started_at or session.created_at, session.ended_at
        found = await spoken_totals(connection, session_id)
        found["speech_s"] = found.pop("speaking_s")
        found |= await translated_totals(connection, session_id, session.target_languages)
        found |= {
            "session_id": session_id,
            "audio_s": None,
            "duration_s": (ended - begun).total_seconds() if ended else None,
        }
    found["speech_s"] = round(found["speech_s"], 3)
    return SessionFigures(
        **found,
        final=session.ended_at is not None,
        words_per_minute=await _pace(connection, session_id),
        words_per_minute_now=await _pace_now(connection, session_id),
    )


async def _pace(connection: AsyncConnection, session_id: str) -> float | None:
    """Return the words in a minute of the segments whose times are known."""
    seconds = func.sum(TranscriptRow.end_time - TranscriptRow.start_time)
    query = select(func.sum(TranscriptRow.word_count), seconds).where(
        TranscriptRow.session_id == session_id,
        TranscriptRow.start_time.is_not(None),
        TranscriptRow.end_time.is_not(None),
    )
    words, spoken_s = (await connection.execute(query)).one()
    return round(60 * words / spoken_s, 1) if spoken_s else None


async def _pace_now(connection: AsyncConnection, session_id: str) -> float | None:
    """Return the words of the last minute of a session in which something was said."""
    mine = TranscriptRow.session_id == session_id
    begins = TranscriptRow.start_time
    newest = select(begins).where(mine, begins.is_not(None)).order_by(begins.desc()).limit(1)
    last = (await connection.execute(newest)).scalar_one_or_none()
    if last is None:
        return None
    query = select(func.sum(TranscriptRow.word_count)).where(mine, begins > last - LATELY_S)
    return float((await connection.execute(query)).scalar_one() or 0)
