"""Speech recognition: engines, models, and what the platform would take by itself."""

from __future__ import annotations

from importlib import metadata

from livetranslate.asr.models.store import ModelStore
from livetranslate.domain.errors import LiveTranslateError
from livetranslate.services.doctor.findings import Finding, broken, missing, ok

AREA = "speech"
_REMEDY = "livetranslate models download base"


def check_speech(store: ModelStore, configured: str | None) -> list[Finding]:
    """Return findings about engines and models.

    Args:
        store: Where models are.
        configured: ``WHISPER_MODEL``, or None.
    """
    return [
        _package("faster-whisper", "neural recognition in about a hundred languages"),
        _package("pocketsphinx", "the embedded engine for English, without any download"),
        _models(store),
        *([] if configured is None else [_configured(store, configured)]),
    ]


def _package(name: str, purpose: str) -> Finding:
    try:
        return ok(AREA, name, f"{metadata.version(name)}: {purpose}")
    except metadata.PackageNotFoundError:
        return broken(AREA, name, f"not installed: {purpose}", "make setup")


def _models(store: ModelStore) -> Finding:
    installed = store.installed()
    if not installed:
        return missing(AREA, "models", "no Whisper model is installed", _REMEDY)
    listed = ", ".join(f"{model.name} ({model.size_bytes / 1e6:,.0f} MB)" for model in installed)
    return ok(AREA, "models", listed)


def _configured(store: ModelStore, name: str) -> Finding:
    try:
        model = store.locate(name)
    except LiveTranslateError as error:
        return broken(AREA, "WHISPER_MODEL", error.message, f"livetranslate models download {name}")
    return ok(AREA, "WHISPER_MODEL", f"{name} in {model.path}")
