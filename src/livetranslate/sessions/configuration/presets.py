"""The audio presets of a running installation, as its shared configuration has them now."""

from __future__ import annotations

import structlog

from livetranslate.audio.enhancement.configured import ConfiguredPresets, configured_presets
from livetranslate.audio.enhancement.parameters import AudioParameters
from livetranslate.domain.dotted import nest
from livetranslate.sessions.configuration.base import ConfigurationSource, SharedConfiguration
from livetranslate.sessions.configuration.following import ConfigurationFollower

_log = structlog.get_logger(__name__)


class FollowedPresets:
    """An ``AudioPresets`` that follows the shared configuration.

    Args:
        source: The shared configuration, which may come and go.
    """

    def __init__(self, source: ConfigurationSource) -> None:
        self._presets = ConfiguredPresets()
        self._follower = ConfigurationFollower(source, self._take)

    async def start(self) -> None:
        """Read the configuration once, and follow it from then on."""
        await self._follower.start()

    async def close(self) -> None:
        """Follow no more."""
        await self._follower.close()

    @property
    def version(self) -> int:
        """Version of the configuration that is in force here."""
        return self._follower.now.version

    @property
    def active(self) -> str:
        """Preset of sessions that name none."""
        return self._presets.active

    def parameters(self, preset: str | None) -> AudioParameters:
        """Return what a preset means now; see ``AudioPresets``."""
        return self._presets.parameters(preset)

    def _take(self, configuration: SharedConfiguration) -> None:
        presets, problems = configured_presets(nest(configuration.values).get("audio"))
        if problems:
            # Checked by whoever set it, which is then of another version of the platform.
            _log.error(
                "audio_presets_not_understood",
                version=configuration.version,
                fields=[problem.field for problem in problems],
            )
            return
        self._presets = presets
