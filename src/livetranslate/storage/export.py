"""Transcripts as files: JSON, plain text, subtitles, Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial

import msgspec

from livetranslate.domain.errors import InvalidInput
from livetranslate.storage.found import Transcript, TranscriptSegment
from livetranslate.storage.minutes import minutes
from livetranslate.storage.subtitles import Cue, subtitle_file

Texts = tuple[str, ...]
TextOf = Callable[[TranscriptSegment], Texts]


class ExportFormat(str, Enum):
    """Formats a transcript is given in."""

    JSON = "json"
    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    MD = "md"

    @property
    def media_type(self) -> str:
        """The format's name on the web."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    ExportFormat.JSON: "application/json",
    ExportFormat.TXT: "text/plain; charset=utf-8",
    ExportFormat.SRT: "application/x-subrip; charset=utf-8",
    ExportFormat.VTT: "text/vtt; charset=utf-8",
    ExportFormat.MD: "text/markdown; charset=utf-8",
}


def export(
    transcript: Transcript,
    form: ExportFormat,
    *,
    language: str | None = None,
    bilingual: bool = False,
) -> bytes:
    """Return the transcript as a file in UTF-8.

    Args:
        transcript: What was said.
        form: Format of the file.
        language: Write every segment in this language; one that has no translation into it stays
            as it was spoken. None: as spoken; JSON and Markdown then hold every translation.
        bilingual: Write what was spoken and below it the translation into ``language``.

    Raises:
        UnsupportedLanguage: Nothing is in that language.
        InvalidInput: Two languages are wanted, but no ``language`` is named.
    """
    if bilingual and language is None:
        raise InvalidInput("bilingual needs the second language", field="language")
    if language is not None:
        transcript = transcript.only(language)
    texts = partial(_spoken, language=language, bilingual=bilingual)
    match form:
        case ExportFormat.JSON:
            return msgspec.json.encode(transcript)
        case ExportFormat.TXT:
            lines = [line for segment in transcript.segments for line in texts(segment)]
            text = "".join(f"{line}\n" for line in lines)
        case ExportFormat.MD:
            text = minutes(transcript, None if bilingual else language)
        case ExportFormat.SRT | ExportFormat.VTT:
            text = subtitle_file(_cues(transcript, texts), form.value)
    return text.encode()


def _spoken(segment: TranscriptSegment, *, language: str | None, bilingual: bool) -> Texts:
    """Return a segment's text with its speaker; below it, if wanted, its translation."""
    text = " ".join((segment.text if bilingual else segment.text_in(language)).split())
    first = f"{segment.speaker}: {text}" if segment.speaker and text else text
    translated = segment.translations.get(language or "") if bilingual else None
    below = " ".join(translated.translated_text.split()) if translated else ""
    return (first, below) if below else (first,)


def _cues(transcript: Transcript, text: TextOf) -> Iterator[Cue]:
    """Yield a cue a segment; those without a time cannot be shown and are left out."""
    for segment in transcript.segments:
        if segment.start is not None:
            yield Cue(segment.start, segment.end or segment.start, text(segment))
