"""The keys of the configuration file: which setting each one is, and for whom it holds."""

from __future__ import annotations

import msgspec

AUDIO = "audio"
"""Section of the audio presets, whose keys are those of ``audio.enhancement.configured``."""
SHARED_SECTIONS = (AUDIO, "websocket", "gateway", "monitoring")
"""What is the same on every machine of an installation; other sections are each machine's own."""


class Key(msgspec.Struct, frozen=True):
    """A key of the file.

    Attributes:
        path: Its place, dotted.
        field: The setting.
    """

    path: str
    field: str

    @property
    def shared(self) -> bool:
        """Whether it holds for the whole installation."""
        return is_shared(self.path)


KEYS = tuple(
    Key(path, field)
    for path, field in {
        "orchestration.service_name": "service_name",
        "orchestration.version": "service_version",
        "frontend.host": "host",
        "frontend.port": "port",
        "frontend.workers": "frontend_workers",
        "websocket.max_connections": "websocket_max_connections",
        "websocket.connection_timeout": "websocket_timeout",
        "websocket.heartbeat_interval": "websocket_heartbeat_interval",
        "gateway.timeout": "gateway_timeout",
        "gateway.retries": "service_retry_attempts",
        "gateway.circuit_breaker_threshold": "circuit_breaker_threshold",
        "monitoring.health_check_interval": "health_check_interval",
        "monitoring.auto_recovery": "auto_recovery",
        "monitoring.log_level": "log_level",
        "services.whisper.url": "whisper_service_url",
        "services.whisper.health_endpoint": "whisper_health_endpoint",
        "services.translation.url": "translation_service_url",
        "services.translation.health_endpoint": "translation_health_endpoint",
    }.items()
)
"""Every key outside the section ``audio``."""

FIELDS = {key.path: key.field for key in KEYS}
PATHS = {key.field: key.path for key in KEYS}


def is_shared(path: str) -> bool:
    """Return whether a key holds for the whole installation."""
    return path.partition(".")[0] in SHARED_SECTIONS
