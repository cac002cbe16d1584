"""The platform for one rehearsal: orchestration, whisper and translation on free local ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from livetranslate.domain.errors import ModelUnavailable
from livetranslate.services.api.health import speech_now
from livetranslate.services.core import Core
from livetranslate.services.running import run_up
from livetranslate.services.server import bind, port_of
from livetranslate.services.up import DEFAULTS
from livetranslate.settings import load_settings

ROLES = ("orchestration", "whisper", "translation")
LOOK_S = 0.1


class Platform:
    """A running platform.

    Attributes:
        core: Its sessions.
        url: Address of orchestration.
        engine: The speech engine at work, for people.
    """

    def __init__(self, core: Core, url: str, engine: str) -> None:
        self.core = core
        self.url = url
        self.engine = engine


@asynccontextmanager
async def run_platform(overrides: Mapping[str, object]) -> AsyncGenerator[Platform]:
    """Run the platform; it is ready to recognise speech when this yields.

    Args:
        overrides: Settings.

    Raises:
        InvalidInput: A setting is wrong.
        ModelUnavailable: No speech engine loads here.
    """
    bound = {role: bind("127.0.0.1", 0, f"--{role}") for role in ROLES}
    urls = {role: f"http://127.0.0.1:{port_of(one)}" for role, one in bound.items()}
    said: dict[str, object] = {
        **overrides,
        "host": "127.0.0.1",
        "redis_url": "off",
        "whisper_service_url": (urls["whisper"],),
        "translation_service_url": (urls["translation"],),
    }
    settings = load_settings(DEFAULTS, config_file=None, **said)
    stop = asyncio.Event()
    listening: asyncio.Future[Core] = asyncio.get_running_loop().create_future()

    async def ready(core: Core | None) -> None:
        if core is not None:
            listening.set_result(core)

    running = asyncio.create_task(run_up(settings, bound, stop, ready))
    try:
        await asyncio.wait({running, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            await running
        core = await listening
        yield Platform(core, urls["orchestration"], await _engine(core))
    finally:
        stop.set()
        await running


async def _engine(core: Core) -> str:
    while (speech := speech_now(core)) is None:  # noqa: ASYNC110 - reports set no event
        await asyncio.sleep(LOOK_S)
    if speech["engine"] is None:
        raise ModelUnavailable(f"no speech engine: {speech['reason']}")
    return f"{speech['engine']}, model {speech['model']} on {speech['device']}"
