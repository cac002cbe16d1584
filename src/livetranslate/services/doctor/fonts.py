"""Fonts of the virtual webcam's subtitles: which scripts this machine can write."""

from __future__ import annotations

from livetranslate.meetings.webcam.text.fonts import REMEDY, FontsMissing, system_fonts
from livetranslate.services.doctor.findings import Finding, missing, ok

AREA = "meetings"
NAME = "fonts"
SCRIPTS = {
    "Arabic": "ش",
    "Bengali": "ক",
    "Chinese and Japanese": "漢",
    "Cyrillic": "ж",
    "Devanagari": "क",
    "Greek": "λ",
    "Hebrew": "ש",
    "Korean": "한",
    "Tamil": "க",
    "Thai": "ท",
}


def check_fonts() -> Finding:
    """Return the finding about scripts that subtitles could not show."""
    try:
        fonts = system_fonts()
    except FontsMissing:
        return missing(AREA, NAME, "no font at all: the bot's camera shows no subtitles", REMEDY)
    without = [name for name, letter in SCRIPTS.items() if fonts.face(letter, "und") is None]
    if without:
        return missing(AREA, NAME, f"subtitles cannot show {', '.join(without)}", REMEDY)
    return ok(AREA, NAME, f"subtitles in Latin, {', '.join(SCRIPTS)}")
