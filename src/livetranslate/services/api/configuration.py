"""The configuration over REST: what the web app needs, audio presets, and every setting.

A change is validated as a whole, put in force in every process without a restart, and kept in the
configuration file. ``version`` in a body (or ``If-Match``) names the version that it was made to:
when somebody else was quicker it is answered with 409, and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Header, Request, Response

import livetranslate
from livetranslate.audio.enhancement.configured import KEYS
from livetranslate.audio.enhancement.parameters import STAGES, AudioParameters, ranges
from livetranslate.audio.enhancement.presets import PRESETS
from livetranslate.domain.dotted import flatten, nest
from livetranslate.domain.errors import InvalidInput
from livetranslate.services.api.health import configuration_state, speech_now
from livetranslate.services.api.status import pool_status
from livetranslate.services.configuration.keeper import Changed
from livetranslate.services.core import Core
from livetranslate.settings.catalogue import Applies, applies, describe
from livetranslate.settings.keys import AUDIO, FIELDS

JsonBody = Annotated[dict[str, Any], Body(description="Changes; null takes a value out.")]
IfMatch = Annotated[str | None, Header(description="Version that the change is made to.")]


def configuration_router(core: Core) -> APIRouter:
    """Return ``/api/config``, ``/api/settings`` and ``/api/audio/config``."""
    router = APIRouter(prefix="/api", tags=["configuration"])

    @router.get("/config", summary="What the web app needs")
    async def config(request: Request) -> Response:
        return _answer(await _web_app(core), request)

    @router.get("/settings", summary="Every setting, its value, its source and what it does")
    async def settings(request: Request) -> Response:
        return _answer(_settings(core), request)

    @router.get("/audio/config", summary="Audio parameters and presets")
    async def audio(request: Request) -> Response:
        return _answer(_audio(core), request)

    @router.post("/config", summary="Change the configuration, by its sections")
    @router.post("/settings", summary="Change settings, by dotted path or variable")
    async def change(body: JsonBody, if_match: IfMatch = None) -> Response:
        changes, version = _changes(body), _version(body, if_match)
        changed = await core.configuration.change(changes, version=version)
        return _json({**_told(changed), **_settings(core)})

    @router.post("/audio/config", summary="Change the active preset, its parameters, own presets")
    async def change_audio(body: JsonBody, if_match: IfMatch = None) -> Response:
        version = _version(body, if_match)
        changes = _audio_changes(body)
        changed = await core.configuration.change(changes, version=version)
        return _json({**_told(changed), **_audio(core)})

    _ = (config, settings, audio, change, change_audio)
    return router


async def _web_app(core: Core) -> dict[str, Any]:
    settings = core.configuration.settings
    return {
        "version": livetranslate.__version__,
        "service_name": settings.service_name,
        "speech": speech_now(core),
        "limits": msgspec.to_builtins(core.edge.limits),
        "upload_max_bytes": core.settings.direct_max_mb * 1024 * 1024,
        "authentication": bool(core.settings.api_keys),
        "pool": await pool_status(core),
        "audio": {"preset": settings.audio.active, "presets": sorted(settings.audio.presets)},
        "configuration": configuration_state(core),
    }


def _settings(core: Core) -> dict[str, Any]:
    keeper = core.configuration
    return {
        "version": keeper.shared.version,
        "settings": msgspec.to_builtins(describe(keeper.settings, keeper.started)),
        "configuration": configuration_state(core),
    }


def _audio(core: Core) -> dict[str, Any]:
    keeper = core.configuration
    audio = keeper.settings.audio
    values = keeper.shared.values or keeper.settings.origin.values
    section: dict[str, Any] = nest(values).get(AUDIO, {})
    own: dict[str, dict[str, Any]] = section.get("presets", {})
    return {
        "version": keeper.shared.version,
        "preset": audio.active,
        "in_force": msgspec.to_builtins(audio.in_force),
        "parameters": section.get("parameters", {}),
        "presets": {
            name: {
                "built_in": name in PRESETS and name not in own,
                "base": own.get(name, {}).get("base"),
                "parameters": msgspec.to_builtins(parameters),
            }
            for name, parameters in sorted(audio.presets.items())
        },
        "own_presets": own,
        "stages": list(STAGES),
        "ranges": _ranges(),
        "configuration": configuration_state(core),
    }


def _ranges() -> dict[str, dict[str, dict[str, Any]]]:
    """Return what each number may be: by section and field its least and most, and its unit.

    One that is ``optional`` may also be the word ``none``.
    """
    kinds: dict[str, type[msgspec.Struct]] = {
        section: type(getattr(AudioParameters(), section))
        for section in AudioParameters.__struct_fields__
    }
    return {
        section: {
            name: {
                "low": bounds.low,
                "high": bounds.high,
                "unit": bounds.unit,
                "optional": bounds.optional,
            }
            for name, bounds in ranges(kind).items()
        }
        for section, kind in kinds.items()
    }


def _told(changed: Changed) -> dict[str, Any]:
    """Return what became of a change: what is in force, and what waits for what."""
    restart = [
        path
        for path in changed.changed
        if path in FIELDS and applies(FIELDS[path]) is Applies.RESTART
    ]
    return {
        "changed": list(changed.changed),
        "applied": [path for path in changed.changed if path not in restart],
        "needs_restart": restart,
        "kept_in_file": changed.not_kept is None,
        "not_kept": changed.not_kept,
    }


def _changes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body's changes by dotted path: sections, dotted paths and variables all do."""
    variables = {field.upper(): path for path, field in FIELDS.items()}
    found: dict[str, Any] = {}
    for name, value in body.items():
        if name == "version":
            continue
        found |= flatten(value, variables.get(name, name), with_none=True)
    return found


def _audio_changes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body's changes; fields beyond those of the section are ignored, as everywhere."""
    found: dict[str, Any] = {}
    for name in KEYS:
        if name in body:
            found |= flatten(body[name], f"{AUDIO}.{name}", with_none=True)
    if not found:
        raise InvalidInput(f"nothing to change; there are {', '.join(KEYS)}", field=KEYS[0])
    return found


def _version(body: Mapping[str, Any], if_match: str | None) -> int | None:
    value = body.get("version")
    if value is None and if_match is not None and if_match != "*":
        value = if_match.strip().removeprefix("W/").strip('"').partition("-")[0]
        value = int(value) if value.isdigit() else if_match
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise InvalidInput("version is the number that a GET has told", field="version")


def _answer(content: dict[str, Any], request: Request) -> Response:
    """Return an answer whose tag begins with the configuration's version, or 304 for a known one.

    The pool's figures, which change all the time, count nothing in it.
    """
    version = content["configuration"]["version"]
    lasting = msgspec.json.encode({name: one for name, one in content.items() if name != "pool"})
    tag = f'"{version}-{blake2b(lasting, digest_size=6).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return _json(content, headers)


def _json(content: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(content), media_type="application/json", headers=dict(headers or {})
    )
