"""Names for the speakers of any session, live or ended, and voices known from other sessions.

While a session lives, evidence goes into its log, and the worker that holds the claim concludes;
once it has ended and all of it is recorded, the same policy runs over its rows.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol, cast

import msgspec
import numpy as np
import structlog

from livetranslate.domain.errors import (
    BackendUnavailable,
    LiveTranslateError,
    NotFound,
    SessionClosed,
)
from livetranslate.domain.events import SessionEvent, SpeakerUpdate
from livetranslate.domain.speakers import (
    Correlation,
    SpeakerEvidence,
    SpeakerSource,
    check_evidence,
)
from livetranslate.sessions.clock import Clock, SystemClock
from livetranslate.sessions.log.base import SessionLog
from livetranslate.speakers.correlating import Correlator, CorrelatorState, Said
from livetranslate.speakers.voices import EmbeddingCapabilities, likeness

RECORD_WAIT_S = 20.0
"""Seconds that an ending session has to be recorded before a name for it is refused for now."""
POLL_S = 0.2

_log = structlog.get_logger(__name__)


class StoredCorrelation(Protocol):
    """A correlation of the database."""

    @property
    def correlation(self) -> Correlation:
        """What was found."""
        ...

    @property
    def created_at(self) -> datetime:
        """When."""
        ...


class StoredSegment(Protocol):
    """A segment of the database."""

    @property
    def segment_id(self) -> str:
        """Its name."""
        ...

    @property
    def start(self) -> float:
        """Seconds."""
        ...

    @property
    def end(self) -> float:
        """Seconds."""
        ...

    @property
    def text(self) -> str:
        """What was said."""
        ...

    @property
    def speaker_id(self) -> str | None:
        """Who said it."""
        ...


class KnownVoice(Protocol):
    """A voice of the database."""

    @property
    def identity_id(self) -> int:
        """Its key."""
        ...

    @property
    def name(self) -> str:
        """Whose it is."""
        ...

    @property
    def vector(self) -> bytes:
        """The vector, float32 little endian."""
        ...


class SpeakerStore(Protocol):
    """What naming needs of the database."""

    async def correlations(self, session_id: str) -> Sequence[StoredCorrelation]:
        """Return a session's correlations, in the order they were found; raises NotFound."""
        ...

    async def segments(self, session_id: str) -> Sequence[StoredSegment]:
        """Return a session's segments, in order of speech."""
        ...

    async def relabel(
        self, session_id: str, found: Sequence[tuple[Correlation, Sequence[str]]], *, at: datetime
    ) -> None:
        """Name segments of an ended session, all or nothing."""
        ...

    async def voices(self, model: str) -> Sequence[KnownVoice]:
        """Return the voices that a model knows."""
        ...

    async def begun_at(self, session_id: str) -> datetime:
        """Return the wall-clock time of a session's first sample; raises NotFound."""
        ...


class SpeakerNaming:
    """Takes evidence of who speaks in any session.

    Args:
        log: The sessions' logs.
        store: The database, or None to keep nothing.
        clock: Tells the time.
        identifies: Whether voices are looked up among those known from other sessions.
    """

    def __init__(
        self,
        log: SessionLog,
        store: SpeakerStore | None,
        *,
        clock: Clock | None = None,
        identifies: bool = True,
    ) -> None:
        self._source = log
        self._store = store
        self._clock = clock or SystemClock()
        self._identifies = identifies

    async def add(self, session_id: str, evidence: Sequence[SpeakerEvidence]) -> bool:
        """Take evidence; return whether it is done already, not left to a worker.

        Raises:
            InvalidInput: Some of it makes no sense; none is taken.
            NotFound: There is no such session.
            BackendUnavailable: The session is ending; try again.
        """
        checked = [check_evidence(one) for one in evidence]
        try:
            for one in checked:
                await self._source.append_evidence(session_id, one)
        except SessionClosed:
            await self._until_recorded(session_id)
        except NotFound:
            if self._store is None:
                raise
        else:
            return False
        await self._conclude(session_id, checked)
        return True

    async def correlations(self, session_id: str) -> Sequence[StoredCorrelation]:
        """Return a session's correlations as far as they are recorded; raises NotFound."""
        if self._store is None:
            raise NotFound("this service keeps no records", field="session_id")
        return await self._store.correlations(session_id)

    async def recorded(self, session_id: str, events: Sequence[SessionEvent]) -> None:
        """Look whether a voice in these events is known from another session, and say so."""
        for event in events if self._identifies else ():
            if not isinstance(event, SpeakerUpdate) or not isinstance(
                event.correlation, Correlation
            ):
                continue
            voice = event.correlation.evidence.get("voice")
            if event.source is not SpeakerSource.DIARIZATION or not isinstance(voice, dict):
                continue
            try:
                found = await self._identify(event.speaker_id, cast("dict[str, Any]", voice))
                if found is not None:
                    with suppress(SessionClosed, NotFound):
                        await self._source.append_evidence(session_id, found)
            except LiveTranslateError as error:
                _log.warning("voice not looked up", session_id=session_id, reason=error.message)

    async def _identify(self, speaker_id: str, voice: dict[str, Any]) -> SpeakerEvidence | None:
        if self._store is None:
            return None
        capabilities = msgspec.convert(voice["embedding"], EmbeddingCapabilities)
        vector = np.frombuffer(b64decode(voice["vector"]), dtype="<f4")
        best, nearest = 0.0, None
        for known in await self._store.voices(capabilities.model):
            alike = likeness(capabilities, vector, np.frombuffer(known.vector, dtype="<f4"))
            if alike > best:
                best, nearest = alike, known
        if nearest is None or best < capabilities.identify:
            return None
        return SpeakerEvidence(
            source=SpeakerSource.EMBEDDING,
            speaker_name=nearest.name,
            speaker_id=speaker_id,
            confidence=round(min(best, 1.0), 3),
            identity_id=nearest.identity_id,
            details={"likeness": round(best, 3), "model": capabilities.model},
        )

    async def _until_recorded(self, session_id: str) -> None:
        """Wait until an ending session is written to its end."""
        deadline = self._clock.monotonic() + RECORD_WAIT_S
        with suppress(NotFound):
            while self._clock.monotonic() < deadline:
                state = await self._source.state(session_id)
                if state.ended and not 0 <= state.recorded < state.last_event_id:
                    return
                await asyncio.sleep(POLL_S)
            raise BackendUnavailable(
                "the session is ending and not written yet; try again", retry_after_s=5.0
            )

    async def _conclude(self, session_id: str, evidence: Sequence[SpeakerEvidence]) -> None:
        """Run the policy over a session that has ended."""
        if self._store is None:
            raise NotFound("the session has ended and nothing of it is kept", field="session_id")
        stored = await self._store.correlations(session_id)
        segments = await self._store.segments(session_id)
        correlator = Correlator(
            CorrelatorState(known=best_of([one.correlation for one in stored])),
            kept=max(1, len(segments), len(evidence)),
        )
        for one in segments:
            correlator.hear(Said(one.segment_id, one.start, one.end, one.text, one.speaker_id))
        for hint in evidence:
            correlator.take(hint)
        found: list[tuple[Correlation, Sequence[str]]] = []
        for one in correlator.changed:
            ids = [said.segment_id for said in segments if said.speaker_id == one.speaker_id]
            found.append((_voiced(one, stored), ids))
        found += [(one, [segment_id]) for segment_id, one in correlator.timed.items()]
        if found:
            await self._store.relabel(session_id, found, at=self._clock.utc())
            await self._renew(session_id)

    async def _renew(self, session_id: str) -> None:
        """Let caches of a session that the log still holds know that its rows changed."""
        with suppress(NotFound):
            state = await self._source.state(session_id)
            if state.recorded >= 0:
                await self._source.note_recorded(session_id, state.recorded + 1)

    async def begun_at(self, session_id: str) -> datetime:
        """Return the wall-clock time of a session's first sample; raises NotFound."""
        if self._store is None:
            raise NotFound("this service keeps no records", field="session_id")
        return await self._store.begun_at(session_id)


def best_of(found: Sequence[Correlation]) -> tuple[Correlation, ...]:
    """Return the correlation in force of each speaker, of all that were ever written, in order."""
    best: dict[str, Correlation] = {}
    for one in found:
        old = best.get(one.speaker_id)
        if one.speaker_name is not None and (old is None or one.method.rank <= old.method.rank):
            best[one.speaker_id] = one
    return tuple(best.values())


def _voiced(one: Correlation, stored: Sequence[StoredCorrelation]) -> Correlation:
    """Return a correlation with the speaker's voice, as it was written last, if it was."""
    for earlier in reversed(stored):
        voice = earlier.correlation.evidence.get("voice")
        if earlier.correlation.speaker_id == one.speaker_id and voice is not None:
            return msgspec.structs.replace(one, evidence={**one.evidence, "voice": voice})
    return one
