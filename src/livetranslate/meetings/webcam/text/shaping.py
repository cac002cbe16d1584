"""Shaped lines: glyphs at their places, and the coverage they leave (HarfBuzz)."""

from __future__ import annotations

import math
from functools import lru_cache

import msgspec
import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from livetranslate.meetings.webcam.text.fonts import FontFace, FontLibrary
from livetranslate.meetings.webcam.text.itemise import Run, is_right_to_left, runs

Mask = NDArray[np.uint8]
"""Coverage 0-255, shape (height, width)."""

CACHED_LINES = 512


class Glyph(msgspec.Struct, frozen=True):
    """A glyph at its place: pixels right of the line's begin and above its baseline."""

    face: FontFace
    number: int
    x: float
    y: float


class Line(msgspec.Struct, frozen=True):
    """A shaped line.

    Attributes:
        glyphs: From left to right.
        width: Pixels.
        size: Pixels an em.
        right_to_left: Whether the paragraph begins at the right.
    """

    glyphs: tuple[Glyph, ...]
    width: float
    size: float
    right_to_left: bool


class Shaper:
    """Shapes lines of one size and weight; remembers the latest.

    Args:
        fonts: Where glyphs come from.
        size: Pixels an em.
        bold: Whether the weight is bold.
    """

    def __init__(self, fonts: FontLibrary, size: float, *, bold: bool = False) -> None:
        self.fonts = fonts
        self.size = size
        self._bold = bold
        self.line = lru_cache(maxsize=CACHED_LINES)(self._line)

    def width(self, text: str, language: str) -> float:
        """Return the width of a cleaned text on one line, in pixels."""
        return self.line(text, language).width

    def _line(self, text: str, language: str) -> Line:
        right_to_left = is_right_to_left(text, language)
        at = 0.0
        glyphs: list[Glyph] = []
        for run in runs(text, language, self.fonts, right_to_left=right_to_left, bold=self._bold):
            shaped, at = _shape(run, language, self.size, at)
            glyphs += shaped
        return Line(tuple(glyphs), at, self.size, right_to_left)


def _shape(run: Run, language: str, size: float, at: float) -> tuple[list[Glyph], float]:
    """Return the glyphs of a run that begins at ``at``, and where it ends."""
    buffer = hb.Buffer()
    buffer.add_str(run.text)
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    if run.script:
        buffer.script = run.script
    if language != "und":
        buffer.language = language
    buffer.guess_segment_properties()
    hb.shape(run.face.font, buffer, {})
    scale = size / run.face.units
    glyphs: list[Glyph] = []
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        x, y = at + place.x_offset * scale, place.y_offset * scale
        glyphs.append(Glyph(run.face, info.codepoint, x, y))
        at += place.x_advance * scale
    return glyphs, at


def coverage(line: Line, above: int, below: int, *, side: int = 0) -> Mask:
    """Return the coverage of a line.

    Args:
        line: The line.
        above: Rows above the baseline.
        below: Rows under it; what sticks out further is cut.
        side: Columns before the line's begin and after its end, for what leans out of its advance.
    """
    width, height = max(1, math.ceil(line.width)) + 2 * side, above + below
    draw = hb.RasterDraw()
    draw.extents = hb.RasterExtents(x_origin=-side, y_origin=-below, width=width, height=height)
    for glyph in line.glyphs:
        scale = line.size / glyph.face.units
        draw.transform = (scale, 0.0, 0.0, scale, glyph.x, glyph.y)
        draw.draw_glyph(glyph.face.font, glyph.number)
    image = draw.render()
    extents = image.extents
    rows = np.frombuffer(image.buffer, np.uint8).reshape(extents.height, extents.stride)
    return rows[::-1, :width].copy()
