"""Speech recognition: engines, models, and what the platform would take by itself."""

from __future__ import annotations

from importlib import metadata

from livetranslate.asr.choice import candidates
from livetranslate.asr.loading import EngineLoader
from livetranslate.asr.models.store import ModelStore
from livetranslate.domain.errors import LiveTranslateError
from livetranslate.services.doctor.findings import Finding, broken, missing, ok
from livetranslate.settings import Settings

AREA = "speech"


def check_speech(store: ModelStore, settings: Settings) -> list[Finding]:
    """Return findings about engines and models; loads what ``auto`` means, to be sure of it."""
    return [
        _package("faster-whisper", "neural recognition in about a hundred languages"),
        _package("pocketsphinx", "the embedded engine for English, without any download"),
        _models(store),
        *_automatic(store, settings),
    ]


def _package(name: str, purpose: str) -> Finding:
    try:
        return ok(AREA, name, f"{metadata.version(name)}: {purpose}")
    except metadata.PackageNotFoundError:
        return broken(AREA, name, f"not installed: {purpose}", "make setup")


def _models(store: ModelStore) -> Finding:
    installed = store.installed()
    if not installed:
        return missing(AREA, "models", "no Whisper model is installed", _download("base"))
    listed = ", ".join(f"{model.name} ({model.size_bytes / 1e6:,.0f} MB)" for model in installed)
    return ok(AREA, "models", listed)


def _automatic(store: ModelStore, settings: Settings) -> list[Finding]:
    """Try what a session without wishes would get, best first, until one loads."""
    loader = EngineLoader(
        store, device=settings.whisper_device, compute_type=settings.whisper_compute_type
    )
    found: list[Finding] = []
    try:
        tried = candidates(
            engine=None,
            model=None,
            configured=settings.whisper_model,
            installed=loader.installed(),
            on_gpu=loader.on_gpu,
        )
    except LiveTranslateError as error:
        return [broken(AREA, "auto", error.message, "correct WHISPER_DEVICE, WHISPER_COMPUTE_TYPE")]
    for candidate in tried:
        try:
            engine = loader.load(candidate)
        except LiveTranslateError as error:
            name = "WHISPER_MODEL" if candidate.model == settings.whisper_model else candidate.model
            found.append(broken(AREA, name, error.message, _download(candidate.model)))
            continue
        info = engine.info
        engine.close()
        detail = f"{info.engine} with {info.model} on {info.device} ({info.compute_type})"
        return [*found, ok(AREA, "auto", f"{detail}: {candidate.reason}")]
    return [*found, broken(AREA, "auto", "no engine loads", "make setup")]


def _download(model: str) -> str:
    return f"livetranslate models download {model}"
