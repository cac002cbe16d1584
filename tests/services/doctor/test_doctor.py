"""The doctor, asked on machines that have more or less."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from livetranslate.meetings.webcam.text.fonts import system_fonts
from livetranslate.services.cli.app import run
from livetranslate.services.doctor.findings import Status
from livetranslate.services.doctor.fonts import check_fonts
from livetranslate.storage.database import Database
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.schema import migrate
from support.redis_server import RedisServer

Findings = dict[str, dict[str, Any]]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIVETRANSLATE_DATA", str(tmp_path))
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "MODEL_DIR",
        "WHISPER_MODEL",
        "OPENAI_BASE_URL",
        "TRANSLATION_ENGINE",
    ):
        monkeypatch.delenv(name, raising=False)


def ask(capsys: pytest.CaptureFixture[str]) -> tuple[int, Findings]:
    code = run(["doctor", "--json"])
    return code, {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}


def test_an_empty_installation_works_and_says_how_to_get_a_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, found = ask(capsys)
    assert code == 0
    assert found["models"]["status"] == "missing"
    assert found["models"]["remedy"].startswith("livetranslate models download")
    assert found["pocketsphinx"]["status"] == "ok"
    assert found["CPU"]["status"] == "ok"
    assert found["SQLite file"]["status"] == "ok"


def test_an_installed_model_is_seen(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    whisper_fixture: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(whisper_fixture, tmp_path / "models" / "tiny")
    monkeypatch.setenv("WHISPER_MODEL", "tiny")
    code, found = ask(capsys)
    assert code == 0
    assert found["models"]["status"] == "ok"
    assert "tiny" in found["models"]["detail"]
    assert "faster-whisper with tiny" in found["auto"]["detail"]
    assert "WHISPER_MODEL is tiny" in found["auto"]["detail"]


def test_a_wrong_model_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHISPER_MODEL", "small")
    code, found = ask(capsys)
    assert code == 1
    assert found["WHISPER_MODEL"]["status"] == "broken"
    assert found["WHISPER_MODEL"]["remedy"] == "livetranslate models download small"
    assert "pocketsphinx" in found["auto"]["detail"]


def test_translation_engines_speak_for_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = ask(capsys)
    assert code == 0
    assert found["openai_compatible"]["status"] == "missing"
    assert "OPENAI_BASE_URL" in found["openai_compatible"]["remedy"]
    assert found["ctranslate2"]["status"] == "missing"
    if Path("/usr/share/apertium/modes/eng-spa.mode").exists():
        assert found["apertium"]["status"] == "ok"
        assert re.search(r"from English: .*\bes\b.*; into", found["apertium"]["detail"])
    else:
        assert "apt install" in found["apertium"]["remedy"]


def test_a_configured_server_that_is_away_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
    code, found = ask(capsys)
    assert code == 1
    assert found["openai_compatible"]["status"] == "broken"
    assert "OPENAI_BASE_URL" in found["openai_compatible"]["remedy"]


def test_without_any_programs_each_is_named_with_its_package(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, found = ask(capsys)
    assert code == 0
    for name, package in (
        ("Chromium", "chromium"),
        ("Redis", "redis-server"),
        ("eSpeak NG", "espeak-ng"),
    ):
        assert found[name]["status"] == "missing"
        assert found[name]["remedy"] == f"sudo apt-get install {package}"


def test_a_program_is_found_with_its_version(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'Redis server v=9.8.7 sha=0'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    _, found = ask(capsys)
    assert found["Redis"]["status"] == "ok"
    assert found["Redis"]["detail"] == f"9.8.7 ({program})"


def test_a_migrated_database_answers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'captions.db'}"

    async def prepare() -> str | None:
        database = Database(DatabaseOptions(url=url))
        try:
            return await migrate(database)
        finally:
            await database.close()

    revision = asyncio.run(prepare())
    monkeypatch.setenv("DATABASE_URL", url)
    code, found = ask(capsys)
    assert code == 0
    assert str(revision) in found["SQLite file"]["detail"]


def test_a_database_without_tables_wants_a_migration(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "captions.db").touch()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'captions.db'}")
    code, found = ask(capsys)
    assert code == 1
    assert found["SQLite file"]["status"] == "broken"
    assert found["SQLite file"]["remedy"] == "livetranslate db migrate"


def test_an_unreachable_database_is_broken_and_its_password_not_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:hidden-word@127.0.0.1:{port}/captions")
    code, found = ask(capsys)
    assert code == 1
    assert found["PostgreSQL connection"]["area"] == "database"
    assert "DATABASE_URL" in found["PostgreSQL connection"]["remedy"]
    assert "hidden-word" not in json.dumps(found)


def test_the_screen_shows_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "livetranslate models download base" in shown
    assert "Everything necessary is here." in shown


def test_a_redis_is_asked_whether_it_keeps_sessions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, redis: RedisServer
) -> None:
    assert "not configured" in ask(capsys)[1]["Redis connection"]["detail"]
    monkeypatch.setenv("REDIS_URL", redis.url)
    code, found = ask(capsys)
    assert (code, found["Redis connection"]["status"]) == (0, "ok")
    assert str(redis.port) in found["Redis connection"]["detail"]
    redis.command("config", "set", "appendonly", "no")
    assert ask(capsys)[1]["Redis connection"]["status"] == "missing"
    redis.command("config", "set", "maxmemory-policy", "allkeys-lru")
    assert ask(capsys)[0] == 1
    redis.command("config", "set", "maxmemory-policy", "noeviction")
    redis.command("config", "set", "appendonly", "yes")


def test_a_redis_out_of_reach_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:a-secret@127.0.0.1:1")
    with capture_logs():
        code, found = ask(capsys)
    finding = found["Redis connection"]
    assert (code, finding["status"]) == (1, "broken")
    assert "127.0.0.1:1" in finding["detail"] and "REDIS_URL" in finding["remedy"]
    assert "a-secret" not in str(found)


def test_scripts_without_a_font_are_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    here = check_fonts()
    assert here.status is (Status.MISSING if here.remedy else Status.OK)
    monkeypatch.setattr("livetranslate.meetings.webcam.text.fonts.FOLDERS", (tmp_path,))
    system_fonts.cache_clear()
    try:
        nowhere = check_fonts()
    finally:
        system_fonts.cache_clear()
    assert nowhere.status is Status.MISSING
    assert "fonts-noto-core" in nowhere.remedy
