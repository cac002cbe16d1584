"""Where captions stand: their lines, kept from one state to the next, and the slots' places."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from livetranslate.meetings.webcam.options import WebcamOptions
from livetranslate.meetings.webcam.subtitles import SLOTS, Caption, Passage
from livetranslate.meetings.webcam.text.fonts import FontLibrary
from livetranslate.meetings.webcam.text.itemise import clean, told
from livetranslate.meetings.webcam.text.shaping import Line, Shaper
from livetranslate.meetings.webcam.text.wrapping import Units, units, wrap

LINES = 2
"""Lines of a text that are shown: the last ones."""


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in pixels, in proportion to the picture.

    Attributes:
        name: Size of the speaker's name.
        original: Size of the text as spoken.
        translation: Size of the translation.
        leading: Height of a line of text, in its sizes.
        margin: From the picture's edge to a box.
        padding: From the box's edge to the text.
        gap: Between the name, the original and the translation.
        bar: Width of the bar in the speaker's colour.
        radius: Of the box's corners.
        text_width: Of a line.
    """

    name: int
    original: int
    translation: int
    leading: float
    margin: int
    padding: int
    gap: int
    bar: int
    radius: int
    text_width: int

    @property
    def slot_height(self) -> int:
        """Height of a slot: the name, and all lines of both texts."""
        texts = LINES * (self.row(self.original) + self.row(self.translation))
        return self.row(self.name) + texts + 2 * (self.gap + self.padding)

    def row(self, size: int) -> int:
        """Return the height of a line of a size."""
        return round(size * self.leading)


def metrics(options: WebcamOptions) -> Metrics:
    """Return the sizes for a picture: all slots fit one above the other."""
    unit = min(options.height / 720, options.width / 1000)
    margin, padding, bar = round(28 * unit), round(14 * unit), max(3, round(8 * unit))
    return Metrics(
        name=max(8, round(25 * unit)),
        original=max(8, round(37 * unit)),
        translation=max(8, round(44 * unit)),
        leading=1.42,
        margin=margin,
        padding=padding,
        gap=max(1, round(4 * unit)),
        bar=bar,
        radius=round(16 * unit),
        text_width=options.width - 2 * margin - 4 * padding - bar,
    )


def slot_bottom(slot: int, options: WebcamOptions, sizes: Metrics) -> int:
    """Return the row under a slot: slot 0 is the lowest."""
    free = options.height - SLOTS * sizes.slot_height
    space = max(0, free // (SLOTS + 1))
    return options.height - space - slot * (sizes.slot_height + space)


class Flow:
    """One text of one slot over time: wraps what is new, leaves what stands.

    Args:
        shaper: Measures and shapes.
        width: Of a line in pixels.
    """

    def __init__(self, shaper: Shaper, width: int) -> None:
        self._shaper = shaper
        self._width = width
        self._held: dict[float, _Wrapped] = {}
        self.missing: frozenset[str] = frozenset()

    def lines(self, passages: Sequence[Passage]) -> tuple[Line, ...]:
        """Return the last lines of the passages; each passage begins on a line of its own."""
        self._held = {passage.began_s: self._wrap(passage) for passage in passages}
        return tuple(line for held in self._held.values() for line in held.shaped)[-LINES:]

    def _wrap(self, passage: Passage) -> _Wrapped:
        held = self._held.get(passage.began_s)
        if held is not None and held.passage == passage:
            return held
        language = passage.language
        text, missing = told(clean(passage.text), language, self._shaper.fonts)
        self.missing |= missing

        def measure(part: str) -> float:
            return self._shaper.width(part, language)

        lines = wrap(units(text, language), measure, self._width, held.lines if held else [])
        shaped = [self._shaper.line("".join(line).rstrip(), language) for line in lines[-LINES:]]
        return _Wrapped(passage, lines, tuple(shaped))


class _Wrapped(msgspec.Struct, frozen=True):
    """A passage in lines, and its last ones shaped."""

    passage: Passage
    lines: list[Units]
    shaped: tuple[Line, ...]


class CaptionLines(msgspec.Struct, frozen=True):
    """A caption's shaped lines; equal ones look the same."""

    slot: int
    colour: int
    name: tuple[Line, ...]
    original: tuple[Line, ...]
    translation: tuple[Line, ...]


class SlotLayout:
    """Lays out whoever has a slot; a new speaker in it begins anew.

    Args:
        fonts: Fonts.
        sizes: Sizes.
    """

    def __init__(self, fonts: FontLibrary, sizes: Metrics) -> None:
        self._name = Shaper(fonts, sizes.name, bold=True)
        self._original = Shaper(fonts, sizes.original)
        self._translation = Shaper(fonts, sizes.translation)
        self._width = sizes.text_width
        self._fonts = fonts
        self._begin()

    def _begin(self) -> None:
        self._flows = (Flow(self._original, self._width), Flow(self._translation, self._width))

    @property
    def missing(self) -> frozenset[str]:
        """Scripts that were to be written and could not be."""
        return self._flows[0].missing | self._flows[1].missing

    def lines(self, caption: Caption) -> CaptionLines:
        """Return a caption's lines."""
        original, translation = self._flows
        return CaptionLines(
            caption.slot,
            caption.colour,
            self._speaker(caption.speaker),
            original.lines(caption.original),
            translation.lines(caption.translation),
        )

    def _speaker(self, speaker: str) -> tuple[Line, ...]:
        """Return the name on one line, cut where it is too long."""
        text, _ = told(clean(speaker), "und", self._fonts)
        if not text:
            return ()
        while self._name.width(text, "und") > self._width:
            text = text[: max(1, len(text) * 9 // 10 - 1)].rstrip(" …") + "…"
        return (self._name.line(text, "und"),)
