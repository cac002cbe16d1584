"""Transcripts as files: JSON, plain text, subtitles, Markdown."""

from __future__ import annotations

import html
from enum import Enum

import msgspec
import pysubs2

from livetranslate.storage.found import Transcript, TranscriptSegment

SHORTEST_SUBTITLE_S = 0.5
"""Players drop subtitles without a duration."""


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


def export(transcript: Transcript, form: ExportFormat, *, language: str | None = None) -> bytes:
    """Return the transcript as a file in UTF-8.

    Args:
        transcript: What was said.
        form: Format of the file.
        language: Write every segment in this language; one that has no translation into it stays
            as it was spoken. None: as spoken; JSON and Markdown then hold every translation.

    Raises:
        UnsupportedLanguage: Nothing is in that language.
    """
    if language is not None:
        transcript = transcript.only(language)
    match form:
        case ExportFormat.JSON:
            return msgspec.json.encode(transcript)
        case ExportFormat.TXT:
            text = _lines(transcript, language)
        case ExportFormat.MD:
            text = _markdown(transcript, language)
        case ExportFormat.SRT | ExportFormat.VTT:
            text = _subtitles(transcript, language, form)
    return text.encode()


def _lines(transcript: Transcript, language: str | None) -> str:
    lines = (_spoken(segment, language) for segment in transcript.segments)
    return "".join(f"{line}\n" for line in lines)


def _spoken(segment: TranscriptSegment, language: str | None) -> str:
    text = " ".join(segment.text_in(language).split())
    return f"{segment.speaker}: {text}" if segment.speaker else text


def _markdown(transcript: Transcript, language: str | None) -> str:
    parts = [
        f"# {_plain(transcript.title or transcript.session_id)}",
        f"{transcript.created_at:%Y-%m-%d %H:%M} UTC · `{transcript.session_id}`",
    ]
    for segment in transcript.segments:
        heading = f"**{_clock(segment.start)}**"
        if segment.speaker:
            heading += f" **{_plain(segment.speaker)}:**"
        lines = [f"{heading} {_plain(segment.text_in(language))}"]
        if language is None:
            for target, translated in segment.translations.items():
                lines.append(f"> *{target}:* {_plain(translated.translated_text)}")
        parts.append("\n\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """Return text on one line with the signs escaped that Markdown and HTML would take."""
    line = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{sign}" if sign in "\\`*_[]#" else sign for sign in line)


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "--:--:--"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}"


def _subtitles(transcript: Transcript, language: str | None, form: ExportFormat) -> str:
    """Return subtitles; segments without a time cannot be shown and are left out."""
    subtitles = pysubs2.SSAFile()
    for segment in transcript.segments:
        if segment.start is None:
            continue
        end = max(segment.end or 0.0, segment.start + SHORTEST_SUBTITLE_S)
        line = _spoken(segment, language).replace("{", "(").replace("}", ")")
        if form is ExportFormat.VTT:
            line = html.escape(line, quote=False)
        times = pysubs2.make_time(s=segment.start), pysubs2.make_time(s=end)
        subtitles.append(pysubs2.SSAEvent(start=times[0], end=times[1], text=line))
    return subtitles.to_string(form.value)
