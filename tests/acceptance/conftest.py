"""Installations for the acceptance tests: real processes, real models, real audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.installation import Installation

ENVIRONMENT = {"MAX_SESSIONS_PER_WORKER": "32", "WORKER_POOL_SIZE": "1"}


@pytest.fixture(scope="module", params=["up", "apart"])
def installation(
    request: pytest.FixtureRequest, whisper_fixture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The whole platform in one process with its workers, and one process a role."""
    folder = tmp_path_factory.mktemp(f"platform-{request.param}")
    started = Installation(folder, {**ENVIRONMENT, "WHISPER_MODEL": str(whisper_fixture)})
    yield getattr(started, request.param)()
    started.stop()
