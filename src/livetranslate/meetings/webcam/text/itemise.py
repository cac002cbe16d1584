"""A line of text taken apart: into characters with their marks, and runs of one font and direction.

Directions are those of the Unicode Bidirectional Algorithm (UAX #9), by python-bidi.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec
import uharfbuzz as hb
from bidi import algorithm

from livetranslate.meetings.webcam.text.fonts import FontFace, FontLibrary

RIGHT_TO_LEFT = frozenset({"ar", "he", "fa", "ur", "yi", "ps", "sd", "ug", "dv", "ckb", "syr"})

_CONTROLS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0xFEFF))
_PICTOGRAMS = "pictograms"
_REMOVED = frozenset({"BN", "LRE", "LRO", "RLE", "RLO", "PDF"})
"""Classes of characters that rule X9 of the algorithm leaves out: joiners, among others."""
_TURNING = frozenset({"R", "AL", "AN"})
"""Classes without which nothing runs from right to left."""
_STEPS: tuple[Callable[[Any, bool], None], ...] = (
    algorithm.explicit_embed_and_overrides,
    algorithm.resolve_weak_types,
    algorithm.resolve_neutral_types,
    algorithm.resolve_implicit_levels,
)


class Run(msgspec.Struct, frozen=True):
    """A stretch of one font, script and level; odd levels run from right to left."""

    text: str
    face: FontFace
    level: int
    script: str | None


def clean(text: str) -> str:
    """Return text on one line, composed, without control characters."""
    composed = unicodedata.normalize("NFC", text).translate(_CONTROLS)
    kept = (one if unicodedata.category(one) not in {"Cc", "Cs"} else " " for one in composed)
    return " ".join("".join(kept).split())


def clusters(text: str) -> Iterator[str]:
    """Yield each character together with the marks and joiners on it."""
    start = 0
    for at in range(1, len(text)):
        if not (_joins(text[at]) or text[at - 1] == "\u200d"):
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def told(text: str, language: str, fonts: FontLibrary) -> tuple[str, frozenset[str]]:
    """Return text with what no font can write replaced by a word about it, and the scripts it is.

    The first stretch of a script becomes «[no font: DEVANAGARI]», later ones and pictograms go.
    """
    pieces: list[str] = []
    missing: set[str] = set()
    for cluster in clusters(text):
        if cluster.isspace() or fonts.face(cluster, language) is not None:
            pieces.append(cluster)
            continue
        name = _script_name(cluster[0])
        if name not in missing and name != _PICTOGRAMS:
            pieces.append(f"[no font: {name}]")
        missing.add(name)
    return clean("".join(pieces)), frozenset(missing)


def is_right_to_left(text: str, language: str) -> bool:
    """Return the direction of a paragraph: its language's, or its first letter's where unknown."""
    base = language.lower().partition("-")[0]
    if base in RIGHT_TO_LEFT:
        return True
    strong = (unicodedata.bidirectional(one) for one in text)
    first = next((one for one in strong if one in {"L", "R", "AL"}), "L")
    return base == "und" and first != "L"


def runs(
    text: str, language: str, fonts: FontLibrary, *, right_to_left: bool, bold: bool = False
) -> list[Run]:
    """Return the runs of a cleaned line, from left to right as they stand on screen."""
    levels = _levels(text, right_to_left)
    items: list[tuple[str, FontFace, int, str | None]] = []
    at = 0
    for cluster in clusters(text):
        level, script = levels[at], _script(cluster[0])
        at += len(cluster)
        last = items[-1] if items else None
        face = None
        if script is None and last is not None and last[1].writes(cluster):
            face = last[1]
        face = face or fonts.face(cluster, language, bold=bold) or fonts.face("a", language)
        if face is None:
            continue
        if last and last[1] is face and last[2] == level and script in (None, last[3]):
            items[-1] = (last[0] + cluster, face, level, last[3])
        elif last and last[1] is face and last[2] == level and last[3] is None:
            items[-1] = (last[0] + cluster, face, level, script)
        else:
            items.append((cluster, face, level, script))
    return _reordered([Run(*item) for item in items])


def _levels(text: str, right_to_left: bool) -> list[int]:
    """Return the embedding level of each character."""
    if not right_to_left and _TURNING.isdisjoint(map(unicodedata.bidirectional, text)):
        return [0] * len(text)
    kept = [one for one in text if unicodedata.bidirectional(one) not in _REMOVED]
    storage: Any = algorithm.get_empty_storage()
    storage["base_level"] = int(right_to_left)
    storage["base_dir"] = "R" if right_to_left else "L"
    algorithm.get_embedding_levels("".join(kept), storage, False, False)
    for step in _STEPS:
        step(storage, False)
    found = iter(storage["chars"])
    levels: list[int] = []
    for one in text:
        removed = unicodedata.bidirectional(one) in _REMOVED
        last = levels[-1] if levels else int(right_to_left)
        levels.append(last if removed else next(found)["level"])
    return levels


def _reordered(logical: list[Run]) -> list[Run]:
    """Return runs in visual order: rule L2 of UAX #9 on whole runs."""
    visual = list(logical)
    highest = max((run.level for run in visual), default=0)
    for level in range(highest, 0, -1):
        at = 0
        while at < len(visual):
            end = at
            while end < len(visual) and visual[end].level >= level:
                end += 1
            visual[at:end] = reversed(visual[at:end])
            at = max(end, at + 1)
    return visual


def _joins(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Mc", "Me"} or character in "\u200c\u200d"


@lru_cache(maxsize=8192)
def _script(character: str) -> str | None:
    """Return the ISO 15924 code of a character's script; None for those of no one script."""
    buffer = hb.Buffer()
    buffer.add_str(character)
    buffer.guess_segment_properties()
    return buffer.script or None


def _script_name(character: str) -> str:
    if unicodedata.category(character) in {"So", "Sk", "Co", "Cn", "Cs"}:
        return _PICTOGRAMS
    return unicodedata.name(character, "unknown").split()[0].split("-")[0]
