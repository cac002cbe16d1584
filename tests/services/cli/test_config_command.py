"""``livetranslate config``: shown, checked, changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from livetranslate.services.cli.app import run
from livetranslate.settings import Settings


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    file = tmp_path / "orchestration.yaml"
    file.write_text("# Ours.\naudio:\n  preset: meeting\ngateway: {timeout: 9}\nother: 1\n")
    monkeypatch.setenv("LIVETRANSLATE_CONFIG", str(file))
    return file


def test_settings_are_shown_with_their_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEYS", "hidden")
    assert run(["config", "show", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert (found["GATEWAY_TIMEOUT"]["value"], found["GATEWAY_TIMEOUT"]["source"]) == (9, "file")
    assert found["API_KEYS"]["value"] is None and found["API_KEYS"]["is_set"]
    assert run(["config", "show"]) == 0
    shown = capsys.readouterr().out
    assert "Audio preset: meeting" in shown and "hidden" not in shown


def test_a_file_is_checked_with_every_reason(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["config", "check", str(file)]) == 0
    assert "other" in capsys.readouterr().err
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("audio: {preset: loud}\ngateway: {timeout: -1}\n")
    assert run(["config", "check", str(wrong)]) == 1
    told = capsys.readouterr().err
    assert "audio.preset" in told and "gateway.timeout" in told
    assert run(["config", "check", str(wrong), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2


def test_a_key_is_changed_and_a_wrong_one_is_not(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TIMEOUT", "3")
    assert run(["config", "set", "audio.parameters", "{limiter: {ceiling_dbfs: -3}}"]) == 0
    assert run(["config", "set", "gateway.timeout", "5"]) == 0
    assert "GATEWAY_TIMEOUT" in capsys.readouterr().err
    text = file.read_text()
    assert text.startswith("# Ours.\n") and "ceiling_dbfs: -3" in text and "timeout: 5" in text
    for key, value in (("audio.preset", "loud"), ("no.key", "1"), ("gateway.retries", "many")):
        assert run(["config", "set", key, value]) == 1
    assert file.read_text() == text
    assert run(["config", "set", "audio.preset", "null"]) == 0
    assert "preset: meeting" not in file.read_text()
