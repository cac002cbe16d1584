"""The one renderer: screens in, pictures out; draws only what changed.

The picture is one block of memory. Each slot's strip is drawn when its lines change and laid into
the picture when the strip or its opacity does; in all other frames nothing happens at all.
"""

from __future__ import annotations

import numpy as np
from msgspec import structs

from livetranslate.meetings.webcam.frame import Area, Picture
from livetranslate.meetings.webcam.layout import CaptionLines, SlotLayout, metrics, slot_bottom
from livetranslate.meetings.webcam.options import WebcamOptions
from livetranslate.meetings.webcam.strip import Strip, StripPainter, faded, packed
from livetranslate.meetings.webcam.subtitles import SLOTS, Caption, Screen
from livetranslate.meetings.webcam.text.fonts import FontLibrary, system_fonts
from livetranslate.meetings.webcam.text.itemise import clean, told
from livetranslate.meetings.webcam.text.shaping import Shaper
from livetranslate.meetings.webcam.theme import THEMES


class _Slot:
    """What a slot shows now: the caption it was told, its lines, and its strip."""

    def __init__(self, layout: SlotLayout) -> None:
        self.layout = layout
        self.caption: Caption | None = None
        self.lines: CaptionLines | None = None
        self.strip: Strip | None = None


class Renderer:
    """Draws the webcam's picture.

    Args:
        options: Size and look.
        fonts: Fonts; this machine's by default.

    Attributes:
        drawn: Strips drawn so far.

    Raises:
        FontsMissing: There is no font at all.
    """

    def __init__(
        self, options: WebcamOptions | None = None, fonts: FontLibrary | None = None
    ) -> None:
        self._options = options or WebcamOptions()
        self._fonts = fonts or system_fonts(self._options.font_folders)
        self._sizes = metrics(self._options)
        self._theme = THEMES[self._options.theme]
        self._slots = [self._new_slot() for _ in range(SLOTS)]
        self._missing: frozenset[str] = frozenset()
        self.drawn = 0
        width, height = self._options.width, self._options.height
        self._painter = StripPainter(self._sizes, self._theme)
        self._ground = packed(self._theme.background)
        self._pixels = np.full((height, width), self._ground)
        self._write_title()
        self._picture = self._make(1, Area(0, 0, width, height))

    @property
    def missing(self) -> frozenset[str]:
        """Scripts that no font here can write; the picture says so in their place."""
        return self._missing.union(*(slot.layout.missing for slot in self._slots))

    @property
    def picture(self) -> Picture:
        """The present picture."""
        return self._picture

    def draw(self, screen: Screen) -> Picture:
        """Return the picture of a screen: the same one while nothing changes."""
        captions = {caption.slot: caption for caption in screen.captions}
        areas = [self._update(number, captions.get(number)) for number in range(SLOTS)]
        changed = [area for area in areas if area is not None]
        if changed:
            self._picture = self._make(self._picture.version + 1, _around(changed))
        return self._picture

    def _new_slot(self) -> _Slot:
        return _Slot(SlotLayout(self._fonts, self._sizes))

    def _update(self, number: int, caption: Caption | None) -> Area | None:
        """Bring a slot to a caption; return what that changed in the picture."""
        slot = self._slots[number]
        if caption == slot.caption:
            return None
        before = slot.strip
        if caption is None:
            self._missing |= slot.layout.missing
            self._slots[number] = self._new_slot()
        else:
            self._bring(slot, caption)
        return self._lay(number, before, self._slots[number].strip, caption)

    def _bring(self, slot: _Slot, caption: Caption) -> None:
        before, slot.caption = slot.caption, caption
        if before is not None and structs.replace(before, opacity=caption.opacity) == caption:
            return
        lines = slot.layout.lines(caption)
        if lines != slot.lines:
            slot.lines = lines
            slot.strip = self._painter.strip(lines)
            self.drawn += 1

    def _lay(
        self, number: int, before: Strip | None, strip: Strip | None, caption: Caption | None
    ) -> Area:
        """Lay a strip, or the bare background, over what the slot showed before."""
        sizes = self._sizes
        slot_top = slot_bottom(number, self._options, sizes) - sizes.slot_height
        both = [one for one in (before, strip) if one is not None]
        top, end = min(one.top for one in both), max(one.end for one in both)
        rows = slice(slot_top + top, slot_top + end)
        columns = slice(sizes.margin, self._options.width - sizes.margin)
        place = self._pixels[rows, columns]
        if strip is None or caption is None:
            place[:] = self._ground
        else:
            place[:] = faded(strip.pixels[top:end], self._theme.background, caption.opacity)
        return Area(columns.start, rows.start, place.shape[1], place.shape[0])

    def _write_title(self) -> None:
        text, missing = told(clean(self._options.title), "und", self._fonts)
        self._missing |= missing
        if not text:
            return
        size = max(8, self._sizes.name * 3 // 5)
        line = Shaper(self._fonts, size).line(text, "und")
        room = self._options.width - 2 * self._sizes.margin
        mark = self._painter.bare(line, self._theme.quiet).pixels[:, :room]
        right, top = self._options.width - self._sizes.margin, self._sizes.padding // 2
        self._pixels[top : top + len(mark), right - mark.shape[1] : right] = mark

    def _make(self, version: int, changed: Area) -> Picture:
        height, width = self._pixels.shape
        rgba = self._pixels.view(np.uint8).reshape(height, width, 4)
        return Picture(version, changed, rgba, self._theme.background[:3])


def _around(areas: list[Area]) -> Area:
    left, top = min(area.left for area in areas), min(area.top for area in areas)
    right = max(area.left + area.width for area in areas)
    bottom = max(area.top + area.height for area in areas)
    return Area(left, top, right - left, bottom - top)
