"""Strips: a caption drawn once, with its transparency, to be laid on the picture at any opacity.

A strip is premultiplied RGBA, so that laying it on is one multiplication a channel.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.meetings.webcam.layout import CaptionLines, Metrics
from livetranslate.meetings.webcam.text.shaping import Line, Mask, coverage
from livetranslate.meetings.webcam.theme import Colour, Theme

Pixels = NDArray[np.uint8]
"""RGBA, shape (height, width, 4)."""

ABOVE = 1.08
BELOW = 0.46
"""Room above and below a line's baseline in its size: marks stand high and low in some scripts."""


class Strip(msgspec.Struct, frozen=True, eq=False):
    """A drawn caption.

    Attributes:
        pixels: Premultiplied RGBA, as wide as a box and as high as a slot.
        top: First row that has anything in it.
    """

    pixels: NDArray[np.uint8]
    top: int


def caption_strip(lines: CaptionLines, sizes: Metrics, theme: Theme) -> Strip:
    """Draw a caption.

    The border between original and translation stands still: the original grows upward from it, the
    translation downward.
    """
    width = sizes.text_width + 4 * sizes.padding + sizes.bar
    canvas = np.zeros((sizes.slot_height, width, 4), np.float32)
    row_o, row_t = sizes.row(sizes.original), sizes.row(sizes.translation)
    border = sizes.padding + sizes.row(sizes.name) + sizes.gap + 2 * row_o
    top = border - len(lines.original) * row_o
    name_top = top - sizes.gap - sizes.row(sizes.name) if lines.name else top
    bottom = border + (sizes.gap + len(lines.translation) * row_t if lines.translation else 0)
    first, end = max(0, name_top - sizes.padding), min(len(canvas), bottom + sizes.padding)
    colour = theme.speakers[lines.colour % len(theme.speakers)]
    box = _rounded(width, first, end, len(canvas), sizes.radius)
    _fill(canvas, box, theme.box)
    _fill(canvas[:, : sizes.bar], box[:, : sizes.bar], colour)
    rows = [
        *_rows(lines.name, name_top, sizes.row(sizes.name), colour),
        *_rows(lines.original, top, row_o, theme.original),
        *_rows(lines.translation, border + sizes.gap, row_t, theme.translation),
    ]
    for line, at, row, ink in rows:
        _write(canvas, line, (at, row), (sizes, theme), ink)
    return Strip(np.rint(canvas).astype(np.uint8), first)


def text_mark(line: Line, theme: Theme, ink: Colour) -> NDArray[np.uint8]:
    """Draw a single line as premultiplied RGBA, just large enough."""
    above, below = round(line.size * ABOVE), round(line.size * BELOW)
    mask = coverage(line, above, below)
    canvas = np.zeros((*mask.shape, 4), np.float32)
    if theme.outline[3]:
        _fill(canvas, _spread(mask, 2), theme.outline)
    _fill(canvas, mask, ink)
    return np.rint(canvas).astype(np.uint8)


def lay(strip: NDArray[np.uint8], ground: Colour, opacity: float) -> Pixels:
    """Return a strip on a ground of one colour, as straight RGBA."""
    over = strip.astype(np.float32) * opacity
    alpha = over[..., 3:] / 255
    ground_alpha = ground[3] / 255
    colour = over[..., :3] + (1 - alpha) * ground_alpha * np.asarray(ground[:3], np.float32)
    out = np.empty_like(strip)
    total = alpha + (1 - alpha) * ground_alpha
    if ground[3] == 255:
        out[..., :3] = np.rint(colour)
    else:
        bare = np.asarray(ground[:3], np.float32)
        straight = np.where(total > 0, colour / np.maximum(total, 1e-6), bare)
        out[..., :3] = np.rint(np.clip(straight, 0, 255))
    out[..., 3:] = np.rint(total * 255)
    return out


def _rows(
    lines: tuple[Line, ...], top: int, row: int, ink: Colour
) -> Iterable[tuple[Line, int, int, Colour]]:
    return [(line, top + index * row, row, ink) for index, line in enumerate(lines)]


def _write(
    canvas: NDArray[np.float32],
    line: Line,
    place: tuple[int, int],
    look: tuple[Metrics, Theme],
    ink: Colour,
) -> None:
    """Draw a line at a row's top, at the side where its paragraph begins."""
    (top, row), (sizes, theme) = place, look
    above, below = round(line.size * ABOVE), round(line.size * BELOW)
    mask = coverage(line, above, below, side=sizes.padding)
    baseline = top + round(row * 0.72)
    left = sizes.bar + sizes.padding
    if line.right_to_left:
        left += max(0, sizes.text_width - round(line.width))
    rows = slice(max(0, baseline - above), min(len(canvas), baseline + below))
    cut = mask[rows.start - (baseline - above) : rows.stop - (baseline - above)]
    cut = cut[:, : canvas.shape[1] - left]
    area = canvas[rows, left : left + cut.shape[1]]
    if theme.outline[3]:
        _fill(area, _spread(cut, max(2, round(line.size / 16))), theme.outline)
    _fill(area, cut, ink)


def _fill(canvas: NDArray[np.float32], mask: Mask, colour: Colour) -> None:
    """Lay a colour over a premultiplied canvas wherever the mask says."""
    alpha = mask.astype(np.float32)[..., None] * (colour[3] / (255 * 255))
    ink = np.array([*colour[:3], 255], np.float32)
    canvas *= 1 - alpha
    canvas += alpha * ink


def _spread(mask: Mask, reach: int) -> Mask:
    """Return a mask with a rim of some pixels around everything, rounded."""
    out = mask.copy()
    height, width = mask.shape
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if down * down + right * right <= reach * reach + 1:
                to = out[
                    max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)
                ]
                of = mask[
                    max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
                ]
                np.maximum(to, of, out=to)
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
