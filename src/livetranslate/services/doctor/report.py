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


async def examine(settings: Settings) -> list[Finding]:
    """Return what was found out about everything; starts and changes nothing."""
    store = ModelStore(StoreOptions(model_dir=settings.model_dir))
    file = sqlite_file(settings.database_options())
    places = [settings.model_dir, *([file.parent.absolute()] if file else [Path.cwd()])]
    return [
        *check_speech(store, settings.whisper_model),
        *check_translation(),
        await check_database(settings.database_options()),
        *check_machine(places),
    ]
