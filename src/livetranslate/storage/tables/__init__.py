"""The nine tables; importing this package makes ``Base.metadata`` complete."""

from livetranslate.storage.tables.audio import AudioFileRow
from livetranslate.storage.tables.base import Base
from livetranslate.storage.tables.events import SessionEventRow, SessionStatisticsRow
from livetranslate.storage.tables.sessions import ParticipantRow, SessionRow
from livetranslate.storage.tables.speakers import CorrelationRow, SpeakerIdentityRow
from livetranslate.storage.tables.transcripts import TranscriptRow, TranslationRow

__all__ = [
    "AudioFileRow",
    "Base",
    "CorrelationRow",
    "ParticipantRow",
    "SessionEventRow",
    "SessionRow",
    "SessionStatisticsRow",
    "SpeakerIdentityRow",
    "TranscriptRow",
    "TranslationRow",
]
