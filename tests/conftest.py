"""What every test shares: where the fixtures are, and a package that child processes find too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
)


@pytest.fixture(scope="session")
def whisper_fixture() -> Path:
    """Directory of the small Whisper model that the tests decode with."""
    return ROOT / "tests" / "fixtures" / "whisper-fixture"
