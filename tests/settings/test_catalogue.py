"""Every setting told to people: its source, when it counts, and never a secret."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from livetranslate.settings import Settings, load_settings
from livetranslate.settings.catalogue import Applies, Described, describe, needs_restart
from livetranslate.settings.help import HELP
from livetranslate.settings.origin import Source


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("LIVETRANSLATE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(settings: Settings, started: Settings | None = None) -> dict[str, Described]:
    return {one.name: one for one in describe(settings, started or settings)}


def test_every_setting_is_explained() -> None:
    assert set(HELP) == set(Settings.model_fields)


def test_each_value_names_its_source(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "config").mkdir()
    (place / "config" / "orchestration.yaml").write_text("gateway: {timeout: 5, retries: 5}\n")
    monkeypatch.setenv("SERVICE_RETRY_ATTEMPTS", "6")
    found = told(load_settings({"worker_pool_size": "auto"}, port=7))
    sources = {name: found[name].source for name in found}
    assert sources["GATEWAY_TIMEOUT"] is Source.FILE
    assert sources["SERVICE_RETRY_ATTEMPTS"] is Source.ENVIRONMENT
    assert sources["PORT"] is Source.COMMAND_LINE
    assert sources["WORKER_POOL_SIZE"] is sources["HOST"] is Source.DEFAULT
    assert found["SERVICE_RETRY_ATTEMPTS"].value == 6
    assert found["GATEWAY_TIMEOUT"].path == "gateway.timeout"
    assert found["GATEWAY_TIMEOUT"].applies is Applies.LIVE
    assert found["PORT"].applies is Applies.RESTART


def test_secrets_are_shown_to_nobody() -> None:
    settings = load_settings(
        secret_key="hidden-a",
        api_keys="hidden-b,hidden-c",
        openai_api_key="hidden-d",
        google_meet_client_secret="hidden-e",
        google_meet_refresh_token="hidden-f",
        database_url="postgresql://u:hidden-e@h/d",
        redis_url="redis://:hidden-f@h",
        webhook_urls="https://h/hidden-g",
        whisper_service_url="http://me:hidden-h@host:1",
    )
    found = told(settings)
    assert b"hidden" not in msgspec.json.encode(list(found.values()))
    secret = {name for name, one in found.items() if one.secret}
    assert secret == {
        "SECRET_KEY",
        "API_KEYS",
        "OPENAI_API_KEY",
        "GOOGLE_MEET_CLIENT_SECRET",
        "GOOGLE_MEET_REFRESH_TOKEN",
        "DATABASE_URL",
        "REDIS_URL",
        "WEBHOOK_URLS",
    }
    assert all(found[name].is_set for name in secret)
    assert found["WHISPER_SERVICE_URL"].value == ["http://host:1"]
    assert not told(load_settings())["API_KEYS"].is_set
    assert told(load_settings())["API_KEYS"].secret


def test_what_waits_for_a_restart_tells_what_is_at_work() -> None:
    started, now = (
        load_settings(port=1, gateway_timeout=1),
        load_settings(port=2, gateway_timeout=2),
    )
    assert needs_restart(now, started) == ["port"]
    assert (told(now, started)["PORT"].value, told(now, started)["PORT"].running) == (2, 1)
    assert told(now, started)["GATEWAY_TIMEOUT"].running is None
