"""``livetranslate models`` from the outside, against a local hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from livetranslate.services.cli.app import run
from support.hub import HubState, running_hub

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hub(whisper_fixture: Path) -> Iterator[HubState]:
    with running_hub() as state:
        content = {path.name: path.read_bytes() for path in whisper_fixture.iterdir()}
        state.repositories["Systran/faster-whisper-tiny"] = content
        yield state


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["models", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def download(hub: HubState, *arguments: str) -> tuple[int, str, str]:
    """Download in a process of its own: the hub's client reads HF_ENDPOINT when it is imported."""
    program = [sys.executable, "-m", "livetranslate", "models", "download", *arguments]
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def listed(command: Command) -> dict[str, Any]:
    code, out, _ = command("list", "--json")
    assert code == 0
    return {entry["name"]: entry for entry in json.loads(out)}


def test_a_model_comes_and_goes(command: Command, hub: HubState, tmp_path: Path) -> None:
    place = str(tmp_path / "models" / "tiny")
    assert listed(command)["tiny"]["installed"] is False
    code, out, err = download(hub, "tiny")
    assert (code, out.strip()) == (0, f"tiny is in {place}")
    assert "model.bin" in err
    assert listed(command)["tiny"]["path"] == place
    assert command("path", "tiny")[:2] == (0, place + "\n")
    code, out, _ = command("list")
    assert code == 0
    assert "installed" in out
    assert command("remove", "tiny")[0] == 0
    assert listed(command)["tiny"]["installed"] is False


def test_standard_output_is_json_or_nothing(hub: HubState, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    code, out, err = download(hub, "tiny", "base", "--model-dir", other, "--json")
    assert code == 1
    told = json.loads(out)
    assert told["path"] == f"{other}/tiny"
    assert told["min_window_s"] == 1.0
    assert "no repository Systran/faster-whisper-base" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("path", "base"), "livetranslate models download base"),
        (("download", "gigantic"), "large-v3-turbo"),
        (("remove", "base"), "no model 'base'"),
    ],
)
def test_failures_name_the_remedy(command: Command, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (1, "")
    assert words in err
