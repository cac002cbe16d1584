"""Presets as an installation is configured: which one is active, what is changed of it, its own.

The section ``audio`` of the configuration::

    audio:
      preset: meeting              # of sessions that name none
      parameters:                  # changes of that active preset
        high_pass: {low_cut_hz: 100}
      presets:                     # presets of one's own, each a change of another one
        lecture:
          base: broadcast
          limiter: {ceiling_dbfs: -3}

A preset of one's own with the name of a built-in one takes its place, and is based on it unless it
says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast, get_args, get_type_hints

import msgspec

from livetranslate.audio.enhancement.parameters import AudioParameters, problems
from livetranslate.audio.enhancement.presets import DEFAULT_PRESET, PRESETS, unknown_preset
from livetranslate.domain.errors import Problem

PRESET_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
KEYS = ("preset", "parameters", "presets")
NONE = "none"
"""A value that may be None and is to be so over a preset that has one; null takes a change out."""
_NOT_NAMES = "must hold names and values"


class ConfiguredPresets(msgspec.Struct, frozen=True, kw_only=True):
    """The presets of an installation; an ``AudioPresets``.

    Attributes:
        active: Preset of sessions that name none.
        presets: Every preset by its name, built-in ones included.
        in_force: The active preset's parameters with the installation's changes.
    """

    active: str = DEFAULT_PRESET
    presets: Mapping[str, AudioParameters] = msgspec.field(default_factory=lambda: PRESETS)
    in_force: AudioParameters = PRESETS[DEFAULT_PRESET]

    def parameters(self, preset: str | None) -> AudioParameters:
        """Return what a preset means; None is the active one with its changes."""
        if preset is None:
            return self.in_force
        found = self.presets.get(preset)
        if found is None:
            raise unknown_preset(preset, self.presets)
        return found


def configured_presets(section: object) -> tuple[ConfiguredPresets, list[Problem]]:
    """Return the presets that a section ``audio`` describes, and everything that is wrong with it.

    Args:
        section: As YAML or JSON gives it; None is an empty one. Problems name fields relative to
            it, such as ``parameters.limiter.ceiling_dbfs``.
    """
    found: list[Problem] = []
    fields = _names_and_values(section, "", found)
    for name in fields.keys() - set(KEYS):
        found.append(Problem(str(name), f"is not known here; there are {', '.join(KEYS)}"))
    presets = _presets(fields.get("presets"), found)
    active: object = fields.get("preset")
    if active is None:
        active = DEFAULT_PRESET
    if not isinstance(active, str) or active not in presets:
        known = ", ".join(sorted(presets))
        found.append(Problem("preset", f"there is no preset {active!r}; there are {known}"))
        active = DEFAULT_PRESET
    in_force = _changed(presets[active], fields.get("parameters"), "parameters", found)
    return ConfiguredPresets(active=active, presets=presets, in_force=in_force), found


def _presets(section: object, found: list[Problem]) -> dict[str, AudioParameters]:
    """Return every preset; those that are based on each other are made in order."""
    own: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, content in _names_and_values(section, "presets", found).items():
        at = f"presets.{name}"
        if not PRESET_NAME.fullmatch(name):
            found.append(Problem(at, "a preset's name has 1-40 small letters, digits, '_' or '-'"))
            continue
        fields = dict(_names_and_values(content, at, found))
        base = fields.pop("base", name if name in PRESETS else DEFAULT_PRESET)
        own[name] = (str(base), fields)
    made = dict(PRESETS)
    waiting = dict(own)
    while waiting:
        ready = {name for name, (base, _) in waiting.items() if base == name or base not in waiting}
        for name in ready or waiting.keys():
            base, fields = waiting[name]
            start = made.get(base) if name in ready else None
            if start is None or (base == name and name not in PRESETS):
                reason = f"there is no preset {base!r} that it could be based on"
                found.append(Problem(f"presets.{name}.base", reason))
                start = made[DEFAULT_PRESET]
            made[name] = _changed(start, fields, f"presets.{name}", found)
        waiting = {name: one for name, one in waiting.items() if name not in (ready or waiting)}
    return made


def _changed(
    start: AudioParameters, changes: object, at: str, found: list[Problem]
) -> AudioParameters:
    """Return parameters with changes; what cannot be one is noted and left out."""
    groups: dict[str, msgspec.Struct] = {}
    for name, content in _names_and_values(changes, at, found).items():
        if name not in start.__struct_fields__:
            known = ", ".join(start.__struct_fields__)
            found.append(Problem(f"{at}.{name}", f"is not known here; there are {known}"))
            continue
        groups[name] = _group(getattr(start, name), content, f"{at}.{name}", found)
    made = msgspec.structs.replace(start, **groups)
    named = set(groups)
    # A base with a problem of its own is told once, where it is written.
    known = set(problems(start))
    found += [
        Problem(f"{at}.{one.field}", one.reason)
        for one in problems(made)
        if one not in known or one.field.partition(".")[0] in named
    ]
    return made


def _group(start: msgspec.Struct, content: object, at: str, found: list[Problem]) -> msgspec.Struct:
    hints = get_type_hints(type(start))
    values: dict[str, Any] = {}
    for name, value in _names_and_values(content, at, found).items():
        if name not in hints:
            known = ", ".join(start.__struct_fields__)
            found.append(Problem(f"{at}.{name}", f"is not known here; there are {known}"))
            continue
        try:
            if value == NONE and type(None) in get_args(hints[name]):
                value = None
            values[name] = msgspec.convert(value, hints[name])
        except msgspec.ValidationError as error:
            found.append(Problem(f"{at}.{name}", str(error)))
    return msgspec.structs.replace(start, **values)


def _names_and_values(value: object, at: str, found: list[Problem]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        found.append(Problem(at, _NOT_NAMES))
        return {}
    return {str(name): one for name, one in cast("dict[object, Any]", value).items()}
