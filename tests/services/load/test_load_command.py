"""``livetranslate load`` against a small installation of real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.installation import Installation

MOST = 4


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, whisper_fixture: Path) -> Iterator[str]:
    installation = Installation(
        tmp_path_factory.mktemp("load"),
        {
            "WHISPER_MODEL": str(whisper_fixture),
            "MAX_CONCURRENT_SESSIONS": str(MOST),
            "MAX_SESSIONS_PER_WORKER": str(MOST),
        },
    ).up()
    yield installation.url
    installation.stop()


def start(server: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "livetranslate", "load", "--server", server, "--json"]
    command += ["--engine", "scripted", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, Any]:
    out, err = process.communicate(timeout=90)
    assert out, err
    return process.returncode, json.loads(out)


def test_nothing_is_lost_and_everything_is_counted(platform: str, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    load = ("-n", "21", "-m", "3", "-s", "6", "--ramp", "0.5", "--listeners", "2")
    code, report = finish(start(platform, *load, "--processes", "2", "--report", str(file)))
    assert (code, report["lost"], report["passed"]) == (0, [], True)
    counts = report["counts"]
    assert (counts["connections_opened"], counts["connections_lost"]) == (21, 0)
    assert (counts["sessions_started"], counts["sessions_ended"]) == (3, 3)
    assert counts["chunks_sent"] == counts["chunks_acknowledged"] >= 3 * 40
    assert counts["words"] >= 9
    assert counts["heard"] == 2 * counts["events"]
    for name in ("start_ms", "ack_ms", "commit_ms", "lag_ms"):
        times = report[name]
        assert 0 <= times["p50"] <= times["p95"] <= times["p99"] <= times["longest"] + 0.1
    assert report["commit_ms"]["count"] >= 9
    assert report["server"]["workers"] == 1
    assert report["server"]["most_memory_bytes"] > 0
    assert json.loads(file.read_text()) == report


def test_refused_sessions_fail_the_load(platform: str) -> None:
    code, report = finish(start(platform, "-m", str(MOST + 2), "-s", "3", "--ramp", "0"))
    assert code == 1
    assert not report["passed"]
    counts = report["counts"]
    assert (counts["sessions_ended"], counts["sessions_failed"]) == (MOST, 2)
    assert counts["errors"] == {"overloaded": 2}
    assert len(report["lost"]) == 2


def test_an_interrupt_gives_the_report_so_far(platform: str) -> None:
    process = start(platform, "-n", "5", "-m", "1", "-s", "600", "--ramp", "0")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(6)
    process.send_signal(signal.SIGINT)
    code, report = finish(process)
    assert (code, report["lost"]) == (0, [])
    assert report["notes"] == ["Stopped before its time."]
    assert report["counts"]["sessions_ended"] == 1
    assert report["counts"]["connections_opened"] == 5


def test_a_load_on_nobody_fails() -> None:
    code, report = finish(start("http://127.0.0.1:1", "-n", "2", "-m", "1", "-s", "1"))
    assert code == 1
    assert report["counts"]["connections_refused"] == 2
    assert report["counts"]["errors"]["backend_unavailable"] == 3
