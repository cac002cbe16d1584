"""The web app's types are those of the wire codec."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from livetranslate.domain.schema import wire_schema

ROOT = Path(__file__).parents[2]


def test_schema_printed_by_the_module_names_every_message():
    printed = subprocess.run(
        [sys.executable, "-m", "livetranslate.domain.schema"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    ).stdout
    schema = json.loads(printed)
    assert schema == json.loads(json.dumps(wire_schema()))
    for union in ("ClientMessage", "SessionEvent", "ConnectionMessage"):
        references = schema["$defs"][union]["anyOf"]
        assert all(one["$ref"].removeprefix("#/$defs/") in schema["$defs"] for one in references)
    kinds = {
        kind
        for definition in schema["$defs"].values()
        for kind in definition.get("properties", {}).get("type", {}).get("enum", ())
    }
    assert {"start_session", "resume_session", "audio_ack", "transcription_result"} <= kinds


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_types_of_the_web_app_are_up_to_date():
    checked = subprocess.run(
        ["node", "scripts/types.mjs", "--check"],
        cwd=ROOT / "web",
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
