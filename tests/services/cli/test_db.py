import json
import sqlite3
from contextlib import closing
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


def test_voices_are_listed_and_forgotten(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "init", "--database-url", url]) == 0
    file = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "INSERT INTO speaker_identities (name, embedding, embedding_model, samples, created_at,"
            " updated_at) VALUES ('Ada [Zhang]', x'00', 'light-1', 3, '2026-03-01', '2026-03-01')"
        )
    capsys.readouterr()
    assert run(["voices", "list", "--database-url", url]) == 0
    shown = capsys.readouterr().out
    assert "Ada [Zhang]" in shown and "light-1" in shown
    assert run(["voices", "forget", "Bob", "--database-url", url]) == 1
    assert "Bob" in capsys.readouterr().err
    assert run(["voices", "forget", "Ada [Zhang]", "--database-url", url, "--json"]) == 0
    assert document(capsys)["forgotten"] == 1
    assert run(["voices", "list", "--database-url", url, "--json"]) == 0
    assert document(capsys) == {"voices": []}


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
