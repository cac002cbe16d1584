"""Makes a session's events, with its id and the time in each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from livetranslate.asr.manager import ModelLease
from livetranslate.domain.errors import LiveTranslateError
from livetranslate.domain.events import (
    AudioInForce,
    SessionEnded,
    SessionError,
    SessionStarted,
    SessionUpdated,
    SpeakerUpdate,
    TranscriptionResult,
    Vad,
)
from livetranslate.domain.session import (
    AppliedConfig,
    ConfigUpdate,
    EndReason,
    PolicyName,
    SessionConfig,
    SessionStatistics,
)
from livetranslate.domain.speakers import Correlation
from livetranslate.domain.speech import Segment


class Teller:
    """Makes events of one session.

    Args:
        session_id: The session.
        now: UTC time.
    """

    def __init__(self, session_id: str, now: Callable[[], datetime]) -> None:
        self._session_id = session_id
        self._now = now

    def started(
        self,
        config: SessionConfig,
        lease: ModelLease,
        *,
        policy: PolicyName,
        worker_id: str,
    ) -> SessionStarted:
        """Say what is at work."""
        info = lease.engine.info
        return SessionStarted(
            session_id=self._session_id,
            timestamp=self._now(),
            config=AppliedConfig(
                config=config,
                engine=info.engine,
                engine_reason=lease.candidate.reason,
                model=info.model,
                device=info.device,
                compute_type=info.compute_type,
                policy=policy,
                worker_id=worker_id,
            ),
        )

    def updated(
        self,
        update: ConfigUpdate,
        *,
        audio: AudioInForce | None = None,
        needs_new_session: tuple[str, ...] = (),
    ) -> SessionUpdated:
        """Say what is in force, and what cannot be."""
        return SessionUpdated(
            session_id=self._session_id,
            timestamp=self._now(),
            config=update,
            audio=audio,
            needs_new_session=needs_new_session,
        )

    def vad(self, *, speech: bool, level_dbfs: float) -> Vad:
        """Say that speech began or ended."""
        return Vad(
            session_id=self._session_id,
            timestamp=self._now(),
            speech=speech,
            level_dbfs=round(level_dbfs, 1),
        )

    def result(self, segment: Segment, speaker: Correlation | None) -> TranscriptionResult:
        """Say how a segment stands, and who says it."""
        return TranscriptionResult(
            session_id=self._session_id,
            timestamp=self._now(),
            segment_id=segment.segment_id,
            text=segment.text,
            language=segment.language,
            confidence=segment.confidence,
            start=segment.start,
            end=segment.end,
            speaker_id=speaker.speaker_id if speaker else None,
            speaker_name=speaker.speaker_name if speaker else None,
            is_final=segment.is_final,
            words=segment.words,
        )

    def speaker(self, who: Correlation, segment_ids: tuple[str, ...]) -> SpeakerUpdate:
        """Say that past segments are somebody's."""
        return SpeakerUpdate(
            session_id=self._session_id,
            timestamp=self._now(),
            speaker_id=who.speaker_id,
            speaker_name=who.speaker_name,
            segment_ids=segment_ids,
            source=who.method,
            confidence=who.confidence,
            correlation=who,
        )

    def error(self, error: LiveTranslateError, *, fatal: bool) -> SessionError:
        """Say what went wrong."""
        return SessionError(
            session_id=self._session_id,
            timestamp=self._now(),
            code=error.code,
            message=error.message,
            fatal=fatal,
            field=error.field,
            retry_after_s=error.retry_after_s,
        )

    def ended(self, reason: EndReason, statistics: SessionStatistics) -> SessionEnded:
        """Say that it is over."""
        return SessionEnded(
            session_id=self._session_id,
            timestamp=self._now(),
            reason=reason,
            statistics=statistics,
        )
