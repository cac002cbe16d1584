"""``livetranslate bench``: what it finds and what it says where it finds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from livetranslate.services.cli import bench as command
from livetranslate.services.cli.app import run
from support.speech import FOLDER


def test_the_benchmarks_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["bench"]) == 0
    out = capsys.readouterr().out
    for name in ("window", "latency", "startup", "longfile", "overhead", "wer"):
        assert f"\n{name} " in f"\n{out}"


def test_one_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "speed"]) == 1
    assert "longfile" in capsys.readouterr().err


def test_outside_of_a_checkout_it_says_where_to_run_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "CHECKOUT", tmp_path)
    assert run(["bench", "wer"]) == 1
    assert "checkout" in capsys.readouterr().err


def test_error_rates_come_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The whole way once, with the quickest of them: one recording that is known to be exact."""
    entries = json.loads((FOLDER / "manifest.json").read_text())
    (chosen,) = [entry for entry in entries if entry["file"].startswith("en_00")]
    (tmp_path / "manifest.json").write_text(json.dumps([chosen]))
    (tmp_path / chosen["file"]).symlink_to(FOLDER / chosen["file"])
    with capture_logs():
        assert run(["bench", "wer", "--speech", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    figures = {row["what"]: row["ours"]["median"] for row in report["rows"]}
    assert figures["live, en: WER"] == 0
    assert figures["file, en: WER; faster-whisper"] == 0
    assert report["machine"]["cores"] >= 1
