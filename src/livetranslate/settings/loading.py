"""Makes settings from their sources, and tells everything that is wrong with them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from livetranslate.audio.enhancement.configured import configured_presets
from livetranslate.domain.dotted import nest
from livetranslate.domain.errors import Invalid, InvalidInput, Problem
from livetranslate.settings import document
from livetranslate.settings.keys import AUDIO, FIELDS, PATHS
from livetranslate.settings.model import DEFAULT_SECRET_KEY, Settings
from livetranslate.settings.origin import Origin, Source


def load_settings(
    defaults: Mapping[str, object] | None = None,
    /,
    *,
    config_file: Path | None = None,
    **overrides: object,
) -> Settings:
    """Return the settings of this process.

    Args:
        defaults: Defaults of a role where they differ from the common ones, by field name.
        config_file: YAML file; by default ``config/orchestration.yaml``, which may be absent.
        overrides: What the command line says, by field name; None means not said.

    Raises:
        Invalid: Every wrong field with its reason.
        InvalidInput: The command line names a setting that there is not.
    """
    said = {name: value for name, value in overrides.items() if value is not None}
    named = [*said, *(defaults or {})]
    if unknown := sorted(name for name in named if name not in Settings.model_fields):
        raise InvalidInput(f"there is no setting {', '.join(unknown)}", field=unknown[0])
    origin = Origin(defaults=defaults or {}, overrides=said, config_file=config_file)
    if config_file is not None and not config_file.exists():
        raise InvalidInput(f"{config_file} cannot be read: there is no such file")
    read = document.read(origin.file)
    return make_settings(origin, read.values, read.problems)


def make_settings(
    origin: Origin, values: Mapping[str, Any], problems: Iterable[Problem] = ()
) -> Settings:
    """Return the settings of a process whose file says these values.

    Args:
        origin: The process's other sources.
        values: By dotted path of the file.
        problems: What is known to be wrong already.

    Raises:
        Invalid: Every wrong field with its reason.
    """
    from_environment = EnvSettingsSource(Settings)()
    from_file = {FIELDS[path]: value for path, value in values.items() if path in FIELDS}
    merged: dict[str, Any] = {
        **origin.defaults,
        **from_file,
        **from_environment,
        **origin.overrides,
    }
    sources = {
        **dict.fromkeys(from_file, Source.FILE),
        **dict.fromkeys(from_environment, Source.ENVIRONMENT),
        **dict.fromkeys(origin.overrides, Source.COMMAND_LINE),
    }
    found = list(problems)
    settings: Settings | None = None
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            if problem["type"] != "default_factory_not_called":  # only follows from another
                field = str(problem["loc"][0])
                found.append(Problem(_label(field, sources), problem["msg"]))
    else:
        found += _unsafe(settings)
    section = nest({path: one for path, one in values.items() if _is_audio(path)})
    audio, wrong = configured_presets(section.get(AUDIO))
    found += [one._replace(field=f"{AUDIO}.{one.field}".rstrip(".")) for one in wrong]
    if settings is None or found:
        raise Invalid.of(list(dict.fromkeys(found)))
    made = Origin(
        defaults=origin.defaults,
        overrides=origin.overrides,
        config_file=origin.config_file,
        values=values,
        sources=sources,
    )
    return settings.made_from(made, audio)


def _is_audio(path: str) -> bool:
    return path.partition(".")[0] == AUDIO


def _unsafe(settings: Settings) -> list[Problem]:
    """Return what must not be in production, by environment name."""
    if not settings.production:
        return []
    found: list[Problem] = []
    if settings.secret_key.get_secret_value() == DEFAULT_SECRET_KEY:
        found.append(Problem("SECRET_KEY", "production needs a secret key of its own"))
    if "*" in settings.cors_origins:
        found.append(Problem("CORS_ORIGINS", "production needs the exact origins, not '*'"))
    return found


def _label(field: str, sources: Mapping[str, Source]) -> str:
    """Return the name a person gave the field: its variable, or its path in the file."""
    return PATHS[field] if sources.get(field) is Source.FILE else field.upper()
