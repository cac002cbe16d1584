"""Strips: a caption drawn once on the theme's ground, to be copied into the picture at any opacity.

What is drawn is kept: a line that stands while another one grows costs a copy. All pixels are
straight RGBA in one uint32 each, in the order of the bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.meetings.webcam.layout import CaptionLines, Metrics
from livetranslate.meetings.webcam.text.shaping import Line, Mask, coverage
from livetranslate.meetings.webcam.theme import Colour, Theme

Pixels = NDArray[np.uint32]
"""Straight RGBA, shape (height, width)."""

Floats = NDArray[np.floating[Any]]

ABOVE = 1.08
BELOW = 0.46
"""Room above and below a line's baseline in its size: marks stand high and low in some scripts."""
BASELINE = 0.72
"""Where the baseline is in a row, from its top."""
_EVEN = np.uint32(0x00FF00FF)
"""Two of the four channels: there is room to multiply both at once."""
KEPT_LINES = 24
KEPT_BOXES = 12


class Strip(msgspec.Struct, frozen=True, eq=False):
    """A drawn caption.

    Attributes:
        pixels: As wide as a box and as high as a slot, on the theme's ground.
        top: First row that has anything in it.
        end: The row after the last one that has.
    """

    pixels: Pixels
    top: int
    end: int


class Mark(msgspec.Struct, frozen=True, eq=False):
    """A drawn line.

    Attributes:
        pixels: The line on its ground.
        inked: Where the line is at all.
    """

    pixels: Pixels
    inked: NDArray[np.bool_]


class StripPainter:
    """Draws captions in one theme and size.

    Args:
        sizes: Sizes.
        theme: Colours.
    """

    def __init__(self, sizes: Metrics, theme: Theme) -> None:
        self._sizes = sizes
        self._theme = theme
        self._width = sizes.text_width + 4 * sizes.padding + sizes.bar
        self._mark = lru_cache(maxsize=KEPT_LINES)(self._draw_line)
        self._box = lru_cache(maxsize=KEPT_BOXES)(self._draw_box)

    def strip(self, lines: CaptionLines) -> Strip:
        """Draw a caption.

        The border between original and translation stands still: the original grows upward from
        it, the translation downward.
        """
        sizes, theme = self._sizes, self._theme
        row_name, row_o, row_t = map(sizes.row, (sizes.name, sizes.original, sizes.translation))
        border = sizes.padding + row_name + sizes.gap + 2 * row_o
        top_o = border - len(lines.original) * row_o
        top_name = top_o - sizes.gap - row_name if lines.name else top_o
        bottom = border + (sizes.gap + len(lines.translation) * row_t if lines.translation else 0)
        top, end = max(0, top_name - sizes.padding), min(sizes.slot_height, bottom + sizes.padding)
        colour = theme.speakers[lines.colour % len(theme.speakers)]
        canvas = self._box(top, end, colour).copy()
        for texts, first, row, ink in (
            (lines.name, top_name, row_name, colour),
            (lines.original, top_o, row_o, theme.original),
            (lines.translation, border + sizes.gap, row_t, theme.translation),
        ):
            for index, line in enumerate(texts):
                self._write(canvas, line, first + index * row + round(row * BASELINE), ink)
        return Strip(canvas, top, end)

    def bare(self, line: Line, ink: Colour) -> Mark:
        """Draw a line on the bare ground."""
        return _draw(line, ink, self._theme, self._theme.background, 2)

    def _draw_line(self, line: Line, ink: Colour) -> Mark:
        ground = _over(self._theme.box, self._theme.background)
        return _draw(line, ink, self._theme, ground, self._sizes.padding)

    def _draw_box(self, top: int, end: int, colour: Colour) -> Pixels:
        sizes, theme = self._sizes, self._theme
        mask = _rounded(self._width, top, end, sizes.slot_height, sizes.radius)
        canvas = _table(theme.box, theme.background)[mask]
        canvas[:, : sizes.bar] = _table(colour, theme.background)[mask[:, : sizes.bar]]
        return canvas

    def _write(self, canvas: Pixels, line: Line, baseline: int, ink: Colour) -> None:
        """Put a line at its baseline, at the side where its paragraph begins."""
        sizes, mark = self._sizes, self._mark(line, ink)
        left = sizes.bar + sizes.padding
        if line.right_to_left:
            left += max(0, sizes.text_width - round(line.width))
        above = baseline - round(line.size * ABOVE)
        first, end = max(0, above), min(len(canvas), above + len(mark.pixels))
        right = min(canvas.shape[1], left + mark.pixels.shape[1])
        cut = (slice(first - above, end - above), slice(0, right - left))
        np.copyto(canvas[first:end, left:right], mark.pixels[cut], where=mark.inked[cut])


def faded(strip: Pixels, ground: Colour, opacity: float) -> Pixels:
    """Return a strip at an opacity above 0: nearer to the ground, or more transparent on none."""
    if opacity >= 1:
        return strip
    share = np.uint32(round(opacity * 256))
    if ground[3] == 255:
        rest = np.uint32(256) - share
        even, odd = packed(ground) & _EVEN, packed(ground) >> np.uint32(8) & _EVEN
        low = ((strip & _EVEN) * share + even * rest) >> np.uint32(8) & _EVEN
        high = ((strip >> np.uint32(8) & _EVEN) * share + odd * rest) & ~_EVEN
        return low | high
    out = np.ascontiguousarray(strip).copy()
    alpha = out.view(np.uint8).reshape(*strip.shape, 4)[..., 3]
    alpha[:] = alpha.astype(np.uint16) * np.uint16(share) >> np.uint16(8)
    return out


def packed(colour: Colour) -> np.uint32:
    """Return a colour as one pixel."""
    return np.array(colour, np.uint8).view(np.uint32)[0]


def _draw(line: Line, ink: Colour, theme: Theme, ground: Colour, side: int) -> Mark:
    mask = coverage(line, round(line.size * ABOVE), round(line.size * BELOW), side=side)
    if not theme.outline[3]:
        return Mark(_table(ink, ground)[mask], mask > 0)
    rim = _spread(mask, max(2, round(line.size / 16)))
    under, alpha = _mixed(theme.outline, ground, rim.astype(np.float32) / 255)
    share = mask.astype(np.float32)[..., None] / 255
    total = share + alpha * (1 - share)
    colour = np.asarray(ink[:3], np.float32) * share + under * alpha * (1 - share)
    return Mark(_packed(colour / np.maximum(total, 1e-6), total), rim > 0)


def _over(colour: Colour, ground: Colour) -> Colour:
    red, green, blue, alpha = _table(colour, ground)[255:].view(np.uint8).tolist()
    return red, green, blue, alpha


@lru_cache(maxsize=64)
def _table(ink: Colour, ground: Colour) -> Pixels:
    """Return the pixel of each coverage of an ink on a ground, shape (256,)."""
    colour, alpha = _mixed(ink, ground, np.arange(256, dtype=np.float32) / 255)
    return _packed(colour, alpha)


def _mixed(ink: Colour, ground: Colour, cover: Floats) -> tuple[Floats, Floats]:
    """Return straight colours 0-255 and alphas 0-1 of an ink that covers a ground by shares."""
    share = cover[..., None] * np.float32(ink[3] / 255)
    behind = (1 - share) * np.float32(ground[3] / 255)
    alpha = share + behind
    colour = np.asarray(ink[:3], np.float32) * share + np.asarray(ground[:3], np.float32) * behind
    bare = np.asarray(ground[:3], np.float32)
    return np.where(alpha > 0, colour / np.maximum(alpha, 1e-6), bare), alpha


def _packed(colour: Floats, alpha: Floats) -> Pixels:
    channels = np.concatenate([np.clip(colour, 0, 255), alpha * 255], axis=-1)
    return np.ascontiguousarray(np.rint(channels).astype(np.uint8)).view(np.uint32)[..., 0]


def _spread(mask: Mask, reach: int) -> Mask:
    """Return a mask with a rim of some pixels around everything, rounded."""
    height, width = mask.shape
    wide = np.pad(mask, reach)
    out = mask.copy()
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            if (down - reach) ** 2 + (right - reach) ** 2 <= reach * reach + 1:
                np.maximum(out, wide[down : down + height, right : right + width], out=out)
    return out


def _rounded(width: int, top: int, end: int, height: int, radius: int) -> Mask:
    """Return the mask of a box with round corners, smooth at their edges."""
    mask = np.zeros((height, width), np.uint8)
    mask[top:end] = 255
    if radius < 1 or end - top < 2 * radius:
        return mask
    away = radius - 0.5 - np.arange(radius)
    distance = np.hypot(away[:, None], away[None, :])
    corner = np.rint(np.clip(radius + 0.5 - distance, 0, 1) * 255).astype(np.uint8)
    mask[top : top + radius, :radius] = corner
    mask[top : top + radius, -radius:] = corner[:, ::-1]
    mask[end - radius : end, :radius] = corner[::-1]
    mask[end - radius : end, -radius:] = corner[::-1, ::-1]
    return mask
