from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import structlog
from livetranslate.services.logs import configure_logs

configure_logs("INFO")

def decode():
    transcript = "the secret plan"
    raise RuntimeError("the engine failed")

try:
    decode()
except RuntimeError as error:
    structlog.get_logger().error("decoding failed", session_id="s-1", exc_info=error)
structlog.get_logger().debug("not shown")
"""


@pytest.mark.parametrize("form", ["", "json"])
def test_a_traceback_shows_no_local_variables(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", form)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert "the engine failed" in done.stderr and "s-1" in done.stderr
    shown = done.stderr.replace('transcript = "the secret plan"', "")
    assert "secret" not in shown and "not shown" not in shown
