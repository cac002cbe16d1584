"""A transcript as minutes in Markdown."""

from __future__ import annotations

import html

from livetranslate.storage.found import Transcript, TranscriptSegment


def minutes(transcript: Transcript, language: str | None) -> str:
    """Return the minutes: when, who, in which languages, and what was said turn by turn.

    Args:
        transcript: What was said.
        language: Only in this language, where there is a translation into it; None for what was
            spoken, with all translations below it.
    """
    parts = [
        f"# {_plain(transcript.title or transcript.session_id)}",
        f"{transcript.created_at:%Y-%m-%d %H:%M} UTC · `{transcript.session_id}`",
        "\n".join(_summary(transcript)),
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
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(transcript: Transcript) -> list[str]:
    segments = transcript.segments
    ends = [segment.end for segment in segments if segment.end is not None]
    spoken = sorted({segment.language for segment in segments if segment.language})
    translated = sorted(set[str]().union(*(segment.translations for segment in segments)))
    lines = [f"- Duration: {_clock(max(ends))}"] if ends else []
    if speakers := _speakers(segments):
        lines.append(f"- Speakers: {', '.join(map(_plain, speakers))}")
    if spoken:
        lines.append(f"- Spoken: {', '.join(spoken)}")
    if translated:
        lines.append(f"- Translated into: {', '.join(translated)}")
    return lines


def _speakers(segments: list[TranscriptSegment]) -> list[str]:
    """Return the speakers in the order in which they first spoke."""
    return list(dict.fromkeys(segment.speaker for segment in segments if segment.speaker))


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
