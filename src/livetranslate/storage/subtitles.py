"""Subtitles as every player and parser takes them, whatever was said.

Both formats are written by pysubs2, whose own text has codes in it: braces, and a backslash before
N, n or h. A recognised text means none of these, nor a tag, an arrow or a time stamp of the file
around it; an invisible word joiner (U+2060) inside of them keeps readers from taking them for one.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

import msgspec
import pysubs2

SHORTEST_S = 0.5
"""Players drop subtitles without a duration."""
LONGEST_S = 99 * 3600.0
"""What two digits of hours can tell."""

JOINER = "\u2060"
_ANYWHERE = (
    r"\\(?=[Nnh])"  # pysubs2's line ends
    r"|\d:\d\d:\d\d(?=[,.]\d)"  # a time stamp
    r"|^(?=\d+$)"  # the number of the next cue
)
_CODES = {
    "vtt": re.compile(_ANYWHERE),
    "srt": re.compile(
        _ANYWHERE + r"|<(?=\s*[/!?a-zA-Z])"  # tags, which SRT has no other way to say
        r"|--(?=>)"  # the arrow between a cue's times
    ),
}
_BRACES = str.maketrans("{}", "()")


class Cue(msgspec.Struct, frozen=True):
    """A subtitle.

    Attributes:
        start: Seconds.
        end: Seconds.
        lines: Texts below each other; at least one.
    """

    start: float
    end: float
    lines: tuple[str, ...]


def subtitle_file(cues: Iterable[Cue], form: str) -> str:
    """Return a subtitle file with the cues in order of their start.

    Args:
        cues: Those without any text are left out.
        form: ``srt`` or ``vtt``.
    """
    file = pysubs2.SSAFile()
    for cue in sorted(cues, key=lambda cue: cue.start):
        lines = [line for line in (_harmless(line, form) for line in cue.lines) if line]
        if not lines:
            continue
        if form == "vtt":
            lines = [html.escape(line, quote=False) for line in lines]
        start = min(max(cue.start, 0.0), LONGEST_S)
        end = min(max(cue.end, start + SHORTEST_S), LONGEST_S + SHORTEST_S)
        times = pysubs2.make_time(s=start), pysubs2.make_time(s=end)
        file.append(pysubs2.SSAEvent(start=times[0], end=times[1], text="\\N".join(lines)))
    return file.to_string(form)


def _harmless(text: str, form: str) -> str:
    """Return a text on one line, without control characters and codes."""
    line = " ".join(text.split())
    line = "".join(sign for sign in line if unicodedata.category(sign) != "Cc")
    line = line.translate(_BRACES).strip()
    return _CODES[form].sub(lambda found: found.group() + JOINER, line)
