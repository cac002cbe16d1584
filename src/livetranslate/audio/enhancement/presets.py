"""The presets that every installation has, and who says which parameters a session has now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from livetranslate.audio.enhancement.parameters import (
    AudioParameters,
    CompressionStage,
    HighPassStage,
    LimiterStage,
    NoiseReductionStage,
    VadStage,
)
from livetranslate.domain.errors import InvalidInput

DEFAULT_PRESET = "default"
"""The preset of a session that names none."""

PRESETS: Mapping[str, AudioParameters] = {
    DEFAULT_PRESET: AudioParameters(),
    "meeting": AudioParameters(
        vad=VadStage(enabled=True),
        compression=CompressionStage(enabled=True),
        limiter=LimiterStage(enabled=True),
    ),
    "telephony": AudioParameters(
        vad=VadStage(enabled=True),
        limiter=LimiterStage(enabled=True),
    ),
    "noisy": AudioParameters(
        vad=VadStage(enabled=True),
        noise_reduction=NoiseReductionStage(enabled=True, reduction_db=6.0),
        limiter=LimiterStage(enabled=True),
    ),
    "music_off": AudioParameters(
        vad=VadStage(enabled=True, attenuation_db=20.0),
        noise_reduction=NoiseReductionStage(enabled=True),
        limiter=LimiterStage(enabled=True),
    ),
    "broadcast": AudioParameters(
        high_pass=HighPassStage(enabled=True),
        limiter=LimiterStage(enabled=True),
    ),
}
"""Preset name → parameters. ``livetranslate bench enhancement`` says what each does to the error
rate; a stage is off where that showed no gain."""


class AudioPresets(Protocol):
    """Says which parameters a preset means at this moment; asked at each chunk, so quick."""

    @property
    def active(self) -> str:
        """Name of the installation's default, which sessions have that name none."""
        ...

    def parameters(self, preset: str | None) -> AudioParameters:
        """Return what a preset means now; None is the installation's default.

        Raises:
            InvalidInput: There is no such preset; the message names those that there are.
        """
        ...


class NamedPresets:
    """Presets that stay as they are.

    Args:
        presets: Preset name → parameters; with one named ``default``.
    """

    def __init__(self, presets: Mapping[str, AudioParameters] = PRESETS) -> None:
        self._presets = presets

    @property
    def active(self) -> str:
        """Name of the default."""
        return DEFAULT_PRESET

    def parameters(self, preset: str | None) -> AudioParameters:
        """Return a preset's parameters; see ``AudioPresets``."""
        name = DEFAULT_PRESET if preset is None else preset
        found = self._presets.get(name)
        if found is None:
            raise unknown_preset(name, self._presets)
        return found


def unknown_preset(name: str, known: Mapping[str, AudioParameters]) -> InvalidInput:
    """Return the error that names the presets that there are."""
    return InvalidInput(
        f"there is no audio preset {name!r}; there are {', '.join(sorted(known))}",
        field="config.preset",
    )
