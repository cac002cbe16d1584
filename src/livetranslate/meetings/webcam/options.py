"""How the virtual webcam looks, and how long it shows what."""

from __future__ import annotations

from enum import Enum

import msgspec

from livetranslate.domain.errors import InvalidInput

MAX_SIDE = 3840
MAX_FPS = 60


class ThemeName(str, Enum):
    """The themes there are."""

    DARK = "dark"
    LIGHT = "light"
    HIGH_CONTRAST = "high_contrast"
    TRANSPARENT = "transparent"


class SubtitleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is on screen when.

    Attributes:
        hold_s: Seconds that the last words of a speaker stay.
        fade_s: Seconds of fading out after that.
        target_language: Language of the translations shown; None for the first one that comes.
    """

    hold_s: float = 5.0
    fade_s: float = 0.6
    target_language: str | None = None


class WebcamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Size, rate and look.

    Attributes:
        width: Pixels, even.
        height: Pixels, even.
        fps: Frames a second.
        theme: Colours.
        title: Shown small in a corner; empty for nothing.
        subtitles: What is on screen when.
        font_folders: Folders searched for fonts before the system's.
    """

    width: int = 1280
    height: int = 720
    fps: int = 30
    theme: ThemeName = ThemeName.DARK
    title: str = "LiveTranslate"
    subtitles: SubtitleOptions = SubtitleOptions()
    font_folders: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the bounds; raises InvalidInput naming the field."""
        for field, value, least in (("width", self.width, 320), ("height", self.height, 180)):
            if not least <= value <= MAX_SIDE or value % 2:
                raise InvalidInput(
                    f"{field}: an even number from {least} to {MAX_SIDE} is needed, not {value}",
                    field=field,
                )
        if not 1 <= self.fps <= MAX_FPS:
            raise InvalidInput(f"fps: 1 to {MAX_FPS}, not {self.fps}", field="fps")
