"""All findings together."""

from __future__ import annotations

import asyncio
from pathlib import Path

from livetranslate.asr.models.store import ModelStore
from livetranslate.services.doctor.database import check_database
from livetranslate.services.doctor.findings import Finding
from livetranslate.services.doctor.fonts import check_fonts
from livetranslate.services.doctor.machine import check_machine
from livetranslate.services.doctor.redis import check_redis
from livetranslate.services.doctor.speech import check_speech
from livetranslate.services.doctor.translation import check_translation
from livetranslate.settings import Settings
from livetranslate.storage.engine import sqlite_file


async def examine(settings: Settings) -> list[Finding]:
    """Return what was found out about everything; starts and changes nothing."""
    store = ModelStore(settings.store_options())
    redis = settings.redis_url
    file = sqlite_file(settings.database_options())
    places = [settings.model_dir, *([file.parent.absolute()] if file else [Path.cwd()])]
    return [
        *await asyncio.to_thread(check_speech, store, settings),
        *await check_translation(settings.translation_options()),
        await check_database(settings.database_options()),
        await check_redis(redis.get_secret_value() if redis else None),
        check_fonts(),
        *check_machine(places),
    ]
