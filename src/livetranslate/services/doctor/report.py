"""All findings together."""

from __future__ import annotations

from pathlib import Path

from livetranslate.asr.models.store import ModelStore, StoreOptions
from livetranslate.services.doctor.database import check_database
from livetranslate.services.doctor.findings import Finding
from livetranslate.services.doctor.machine import check_machine
from livetranslate.services.doctor.speech import check_speech
from livetranslate.services.doctor.translation import check_translation
from livetranslate.settings import Settings
from livetranslate.storage.engine import sqlite_file
from livetranslate.translation.options import TranslationOptions


async def examine(settings: Settings) -> list[Finding]:
    """Return what was found out about everything; starts and changes nothing."""
    store = ModelStore(StoreOptions(model_dir=settings.model_dir))
    file = sqlite_file(settings.database_options())
    places = [settings.model_dir, *([file.parent.absolute()] if file else [Path.cwd()])]
    return [
        *check_speech(store, settings.whisper_model),
        *await check_translation(_translation_options(settings)),
        await check_database(settings.database_options()),
        *check_machine(places),
    ]


def _translation_options(settings: Settings) -> TranslationOptions:
    key = settings.openai_api_key
    return TranslationOptions(
        engine=settings.translation_engine,
        model_dir=str(settings.model_dir / "translation"),
        openai_base_url=settings.openai_base_url,
        openai_api_key=key.get_secret_value() if key else None,
        openai_model=settings.translation_model,
        device=settings.whisper_device,
    )
