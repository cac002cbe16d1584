"""Short forms of session data for tests."""

from __future__ import annotations

from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionStarted,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.session import (
    AppliedConfig,
    EndReason,
    PolicyName,
    SessionConfig,
    SessionStatistics,
)
from support.clock import EPOCH


def pcm(seconds: float, value: int = 0) -> bytes:
    """Return so many seconds of 16 kHz samples, all of one value."""
    return value.to_bytes(2, "little") * int(seconds * 16_000)


def text(session_id: str, words: str, *, segment: str = "s1", final: bool = False):
    return TranscriptionResult(
        session_id=session_id,
        timestamp=EPOCH,
        segment_id=segment,
        text=words,
        language="en",
        confidence=None,
        start=0.0,
        end=1.0,
        is_final=final,
        words=(),
    )


def translation(session_id: str, words: str, *, segment: str = "s1", final: bool = False):
    return TranslationResult(
        session_id=session_id,
        timestamp=EPOCH,
        segment_id=segment,
        translated_text=words,
        source_language="en",
        target_language="es",
        confidence=None,
        is_final=final,
        engine="test",
    )


def started(session_id: str):
    applied = AppliedConfig(
        config=SessionConfig(),
        engine="test",
        engine_reason="the only one",
        model="none",
        device="cpu",
        compute_type="int8",
        policy=PolicyName.LOCAL_AGREEMENT,
    )
    return SessionStarted(session_id=session_id, timestamp=EPOCH, config=applied)


def fatal(session_id: str, message: str = "the model is broken"):
    return SessionError(
        session_id=session_id, timestamp=EPOCH, code="internal_error", message=message, fatal=True
    )


def ended(session_id: str, reason: EndReason = EndReason.CLIENT_ENDED):
    return SessionEnded(
        session_id=session_id, timestamp=EPOCH, reason=reason, statistics=SessionStatistics()
    )
