"""The worker process: ``python -m livetranslate.services.worker --link PATH --worker-id ID``.

The platform starts it; it serves until it is told to stop (SIGTERM) or the link to the main process
is gone. With ``--redis`` in place of the link it reaches Redis by itself (``REDIS_URL``; never on
the command line, for it may hold a password), and waits for one that is away. Models, device and
translation come from the environment, as everywhere (``settings``).
"""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog
import uvloop

from livetranslate.asr.loading import EngineLoader
from livetranslate.asr.manager import ManagerOptions, ModelManager
from livetranslate.asr.models.device import detect_devices
from livetranslate.asr.models.store import ModelStore
from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.session import SessionConfig
from livetranslate.services.backbone import SharedBackbone
from livetranslate.services.garbage import set_aside
from livetranslate.services.logs import configure_logs
from livetranslate.sessions.configuration.base import ConfigurationSource
from livetranslate.sessions.configuration.presets import FollowedPresets
from livetranslate.sessions.host.translating import Emit, HostTranslation, SessionTranslation
from livetranslate.sessions.link.client import WorkerLink
from livetranslate.sessions.log.base import SessionLog
from livetranslate.sessions.work import WorkerDesk
from livetranslate.sessions.worker import Worker, WorkerOptions
from livetranslate.settings import Settings, load_settings
from livetranslate.speakers.choice import choose_embedding
from livetranslate.translation.preferred import LocalFirst
from livetranslate.translation.remote import RemoteTranslator
from livetranslate.translation.service import LocalTranslator

TRANSLATION_AWAY_S = 15.0
"""How long a session's translations wait for services that are being restarted."""

_log = structlog.get_logger(__name__)


class Reach(msgspec.Struct, frozen=True):
    """How a worker reaches the rest of the installation.

    Attributes:
        log: The sessions' logs.
        desk: Where jobs come from and reports go.
        configuration: What is configured for all processes.
        patience_s: Seconds for which both may be out of reach before the worker gives up.
    """

    log: SessionLog
    desk: WorkerDesk
    configuration: ConfigurationSource
    patience_s: float


def utc_now() -> datetime:
    """Return the time of day in UTC."""
    return datetime.now(UTC)


def build_models(settings: Settings) -> ModelManager:
    """Return the model manager that the settings describe."""
    loader = EngineLoader(
        ModelStore(settings.store_options()),
        device=settings.whisper_device,
        compute_type=settings.whisper_compute_type,
    )
    return ModelManager(loader, ManagerOptions(default_model=settings.whisper_model))


def build_translator(settings: Settings) -> LocalFirst:
    """Return this process's translator: its own engines, then the translation service."""
    remote = settings.remote_translation_options(patience_s=TRANSLATION_AWAY_S)
    return LocalFirst(LocalTranslator(settings.translation_options()), RemoteTranslator(remote))


@asynccontextmanager
async def reach(settings: Settings, link_path: Path | None) -> AsyncGenerator[Reach]:
    """Open the way to log and desk: the link, or Redis without one."""
    if link_path is None:
        shared = SharedBackbone(settings)
        try:
            yield Reach(shared.log, shared.desk, shared.configuration, patience_s=math.inf)
        finally:
            await shared.close()
        return
    link = await WorkerLink.connect(link_path)
    try:
        yield Reach(link.log, link.desk, link.configuration, patience_s=0.0)
    finally:
        await link.close()


async def serve(settings: Settings, link_path: Path | None, worker_id: str) -> int:
    """Serve until stopped; return the process's exit code."""
    translator = build_translator(settings)

    def translation(session_id: str, config: SessionConfig, emit: Emit) -> SessionTranslation:
        return HostTranslation(translator, session_id, config, emit, now=utc_now)

    voices = choose_embedding(settings.model_dir)
    _log.info("voices", model=voices.embedding.capabilities.model, reason=voices.reason)
    async with reach(settings, link_path) as reached:
        presets = FollowedPresets(reached.configuration)
        await presets.start()
        worker = Worker(
            worker_id,
            reached.log,
            reached.desk,
            build_models(settings),
            translation,
            WorkerOptions(
                max_sessions=settings.max_sessions_per_worker,
                touch_s=settings.worker_claim_ttl / 3,
                patience_s=reached.patience_s,
                device=detect_devices()[0].name,
                admission=settings.admission_options(),
            ),
            now=utc_now,
            voices=voices.embedding,
            presets=presets,
        )
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, worker.drain)
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        set_aside()
        try:
            await worker.run()
        except BackendUnavailable:
            _log.info("main process gone", worker_id=worker_id)
        finally:
            await presets.close()
            await translator.close()
    return worker.exit_code


def main() -> None:
    """Run the worker of this process."""
    parser = argparse.ArgumentParser(description="A worker of LiveTranslate.")
    ways = parser.add_mutually_exclusive_group(required=True)
    ways.add_argument("--link", type=Path, help="socket of the main process")
    ways.add_argument("--redis", action="store_true", help="reach the Redis of REDIS_URL")
    parser.add_argument("--worker-id", required=True, help="unique name")
    arguments = parser.parse_args()
    settings = load_settings()
    configure_logs(settings.log_level)
    sys.exit(uvloop.run(serve(settings, arguments.link, arguments.worker_id)))


if __name__ == "__main__":
    main()
