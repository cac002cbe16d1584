"""The themes: colours of everything the webcam draws."""

from __future__ import annotations

import msgspec

from livetranslate.meetings.webcam.options import ThemeName

Colour = tuple[int, int, int, int]
"""Red, green, blue and alpha, each 0-255, alpha not multiplied in."""


class Theme(msgspec.Struct, frozen=True, kw_only=True):
    """Colours of a theme.

    Attributes:
        background: Of the whole picture.
        box: Of the box behind a caption.
        original: Of the text as spoken.
        translation: Of its translation.
        quiet: Of the title in the corner.
        outline: Of the rim around letters; alpha 0 for none.
        speakers: Of the speakers' names and bars, in the order of their numbers.
    """

    background: Colour
    box: Colour
    original: Colour
    translation: Colour
    quiet: Colour
    outline: Colour
    speakers: tuple[Colour, ...]


def _colours(*codes: str) -> tuple[Colour, ...]:
    return tuple((int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16), 255) for code in codes)


_BRIGHT = _colours(
    "7cc7ff", "ffb86b", "8fe388", "ff9ecb", "c9b1ff", "ffe066", "5fe0d0", "ff9c8a"
)  # fmt: skip
_DEEP = _colours(
    "0b5cad", "9a4a00", "1b6e1f", "a11d63", "5b36b5", "6b5900", "006b62", "b02a1a"
)  # fmt: skip
_PURE = _colours(
    "00ffff", "ffaa00", "00ff00", "ff80ff", "b0b0ff", "ffff00", "40ffc0", "ff9090"
)  # fmt: skip

THEMES: dict[ThemeName, Theme] = {
    ThemeName.DARK: Theme(
        background=(14, 17, 22, 255),
        box=(28, 34, 44, 255),
        original=(176, 186, 200, 255),
        translation=(255, 255, 255, 255),
        quiet=(98, 108, 122, 255),
        outline=(0, 0, 0, 0),
        speakers=_BRIGHT,
    ),
    ThemeName.LIGHT: Theme(
        background=(238, 240, 243, 255),
        box=(255, 255, 255, 255),
        original=(84, 92, 104, 255),
        translation=(16, 20, 26, 255),
        quiet=(130, 138, 150, 255),
        outline=(0, 0, 0, 0),
        speakers=_DEEP,
    ),
    ThemeName.HIGH_CONTRAST: Theme(
        background=(0, 0, 0, 255),
        box=(0, 0, 0, 255),
        original=(255, 255, 0, 255),
        translation=(255, 255, 255, 255),
        quiet=(255, 255, 255, 255),
        outline=(0, 0, 0, 0),
        speakers=_PURE,
    ),
    ThemeName.TRANSPARENT: Theme(
        background=(16, 18, 22, 0),
        box=(0, 0, 0, 0),
        original=(225, 230, 236, 255),
        translation=(255, 255, 255, 255),
        quiet=(225, 230, 236, 255),
        outline=(0, 0, 0, 235),
        speakers=_BRIGHT,
    ),
}
