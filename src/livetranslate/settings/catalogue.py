"""Every setting for people: what it does, its value, its source, and when a change counts."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, cast

import msgspec
from pydantic import SecretStr

from livetranslate.settings.help import HELP
from livetranslate.settings.keys import PATHS
from livetranslate.settings.model import Settings
from livetranslate.settings.origin import Source

LIVE = frozenset(
    {
        "gateway_timeout",
        "service_retry_attempts",
        "circuit_breaker_threshold",
        "health_check_interval",
        "websocket_max_connections",
        "log_level",
    }
)
"""Settings that the running parts take; every other one needs a restart."""

_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]*@")


class Applies(str, Enum):
    """When a changed setting counts."""

    LIVE = "live"
    RESTART = "restart"


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    Attributes:
        name: Its environment variable.
        path: Its key in the configuration file, or None if it has none.
        value: Its value; None for a secret.
        is_set: Whether it has a value.
        secret: Whether its value is shown to nobody.
        source: Where the value comes from.
        applies: When a change counts.
        running: The value at work, where it is another one until the next restart.
        help: What it does.
    """

    name: str
    path: str | None
    value: Any
    is_set: bool
    secret: bool
    source: Source
    applies: Applies
    running: Any = None
    help: str


def describe(settings: Settings, started: Settings) -> list[Described]:
    """Return every setting.

    Args:
        settings: As they are configured.
        started: As they were when the process started.
    """
    waiting = set(needs_restart(settings, started))
    return [
        Described(
            name=field.upper(),
            path=PATHS.get(field),
            value=_shown(getattr(settings, field)),
            is_set=_is_set(getattr(settings, field)),
            secret=_is_secret(field, settings),
            source=settings.origin.source(field),
            applies=applies(field),
            running=_shown(getattr(started, field)) if field in waiting else None,
            help=HELP[field],
        )
        for field in Settings.model_fields
    ]


def applies(field: str) -> Applies:
    """Return when a change of a setting counts."""
    return Applies.LIVE if field in LIVE else Applies.RESTART


def changed_fields(settings: Settings, before: Settings) -> list[str]:
    """Return the settings that differ."""
    return [
        field
        for field in Settings.model_fields
        if getattr(settings, field) != getattr(before, field)
    ]


def needs_restart(settings: Settings, started: Settings) -> list[str]:
    """Return the settings whose change has to wait for a restart."""
    changed = changed_fields(settings, started)
    return [field for field in changed if applies(field) is Applies.RESTART]


def label(field: str) -> str:
    """Return what people call a setting: its key in the file, or its variable."""
    return PATHS.get(field, field.upper())


_SECRETS = frozenset(
    {
        *("secret_key", "api_keys", "database_url", "webhook_urls", "redis_url", "openai_api_key"),
        *("google_meet_client_secret", "google_meet_refresh_token"),
    }
)


def _is_secret(field: str, settings: Settings) -> bool:
    return field in _SECRETS or _hides(getattr(settings, field))


def _hides(value: object) -> bool:
    if isinstance(value, tuple):
        return any(_hides(one) for one in cast("tuple[object, ...]", value))
    return isinstance(value, SecretStr)


def _is_set(value: object) -> bool:
    return value is not None and value != ()


def _shown(value: object) -> Any:
    """Return a value as JSON has it; None for what is hidden."""
    if _hides(value) or value is None:
        return None
    if isinstance(value, tuple):
        return [_shown(one) for one in cast("tuple[object, ...]", value)]
    if isinstance(value, bool | int | float):
        return value
    return _CREDENTIALS.sub("", str(value))
