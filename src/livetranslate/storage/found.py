"""What reads of sessions give back. Times of segments are seconds; moments are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from livetranslate.domain.errors import UnsupportedLanguage
from livetranslate.domain.session import SessionStatus
from livetranslate.domain.speech import Word


class SessionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions to list; None filters nothing.

    Attributes:
        status: In this state.
        kind: Of this kind.
        language: Spoken in this language or translated into it, or set to it.
        since: Created at this moment or later.
        until: Created before this moment.
        q: With these words in title, segments or translations.
    """

    status: SessionStatus | None = None
    kind: str | None = None
    language: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One session in a list.

    Attributes:
        session_id: The session.
        kind: ``browser``, ``api``, ``bot`` or ``telephony``.
        title: What people call it.
        meeting_url: Meeting that a bot joined.
        status: See ``SessionStatus``.
        language: Language asked for, or ``auto``.
        target_languages: Languages asked for.
        created_at: When it was opened.
        started_at: When a worker was ready.
        ended_at: When it ended.
        duration_s: Seconds from start to end; None while it lasts.
        end_reason: See ``EndReason``.
        error: Why it failed.
        segments: Final segments.
        words: Words in them.
        translations: Final translations.
    """

    session_id: str
    kind: str
    title: str | None
    meeting_url: str | None
    status: str
    language: str | None
    target_languages: list[str]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    end_reason: str | None
    error: str | None
    segments: int
    words: int
    translations: int


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions, newest first; ``next_cursor`` asks for those that follow, None at the end."""

    sessions: list[SessionSummary]
    next_cursor: str | None


class SessionDetail(SessionSummary, frozen=True, kw_only=True):
    """One session with all that is known of it.

    Attributes:
        config: The configuration as asked for.
        metadata: The client's own data.
        spoken_languages: Languages heard.
        statistics: Totals once it has ended.
        running: Figures while it lasts.
    """

    config: dict[str, Any]
    metadata: dict[str, Any]
    spoken_languages: list[str]
    statistics: dict[str, Any] | None
    running: dict[str, Any] | None = None


class TranslatedText(msgspec.Struct, frozen=True, kw_only=True):
    """A translation of a segment."""

    translated_text: str
    source_language: str | None
    confidence: float | None
    engine: str | None


class TranscriptSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A final segment with every translation of it, by target language."""

    segment_id: str
    text: str
    language: str | None
    confidence: float | None
    start: float | None
    end: float | None
    speaker_id: str | None
    speaker_name: str | None
    words: list[Word]
    translations: dict[str, TranslatedText]

    def text_in(self, language: str | None) -> str:
        """Return its text in a language, or as it was spoken where there is no translation."""
        found = self.translations.get(language or "")
        return found.translated_text if found else self.text

    @property
    def speaker(self) -> str | None:
        """The speaker's best known name."""
        return self.speaker_name or self.speaker_id


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """All segments of a session, in order of speech."""

    session_id: str
    title: str | None
    created_at: datetime
    segments: list[TranscriptSegment]

    def languages(self) -> set[str]:
        """Return the languages that at least one segment was spoken in or translated into."""
        spoken = {segment.language for segment in self.segments if segment.language}
        return spoken.union(*(segment.translations for segment in self.segments))

    def only(self, language: str) -> Transcript:
        """Return this transcript with no translations but those into one language.

        Raises:
            UnsupportedLanguage: No segment is in that language; lists those there are.
        """
        available = self.languages()
        if self.segments and language not in available:
            listed = ", ".join(sorted(available)) or "none"
            raise UnsupportedLanguage(
                f"nothing in this session is in {language!r}; there is: {listed}",
                available=tuple(sorted(available)),
                field="language",
            )
        segments = [
            msgspec.structs.replace(
                segment,
                translations={
                    target: text
                    for target, text in segment.translations.items()
                    if target == language
                },
            )
            for segment in self.segments
        ]
        return msgspec.structs.replace(self, segments=segments)


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """A segment in which, or in whose translations, the words were found."""

    session_id: str
    title: str | None
    created_at: datetime
    segment: TranscriptSegment


class SearchPage(msgspec.Struct, frozen=True, kw_only=True):
    """Hits, newest first; ``next_cursor`` asks for those that follow, None at the end."""

    hits: list[SearchHit]
    next_cursor: str | None
