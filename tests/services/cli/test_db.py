import json
from io import StringIO
from pathlib import Path

import pytest

from livetranslate.services.cli.app import run


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/cli.db"


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    return json.loads(capsys.readouterr().out)


def test_from_nothing_to_a_saved_database_and_back(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["db", "init", "--database-url", url, "--json"]) == 0
    revision = document(capsys)["revision"]
    assert run(["db", "migrate", "--database-url", url, "--json"]) == 0
    assert document(capsys)["revision"] == revision
    assert run(["db", "status", "--database-url", url, "--json"]) == 0
    status = document(capsys)
    assert (status["connected"], status["revision"]) == (True, revision)
    assert status["missing_indexes"] == []
    file = str(tmp_path / "saved")
    assert run(["db", "backup", file, "--database-url", url, "--json"]) == 0
    assert document(capsys)["file"] == file
    assert run(["db", "restore", file, "--yes", "--database-url", url, "--json"]) == 0
    assert document(capsys)["revision"] == revision


def test_status_is_readable_and_fails_where_something_is_wrong(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["db", "init", "--database-url", url]) == 0
    assert run(["db", "status", "--database-url", url]) == 0
    shown = capsys.readouterr().out
    for part in ("sqlite", "newest", "bot_sessions"):
        assert part in shown
    assert run(["db", "status", "--database-url", "sqlite:////nowhere/at.db"]) == 1


def test_wrong_url_names_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "status", "--database-url", "mysql://x"]) == 1
    error = capsys.readouterr().err
    assert "DATABASE_URL" in error
    assert "postgresql://" in error


def test_restore_asks_first(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    assert run(["db", "init", "--database-url", url]) == 0
    assert run(["db", "restore", str(tmp_path / "x"), "--database-url", url]) == 1
    assert "Go on?" in capsys.readouterr().err
