from pathlib import Path

import pytest
from pydantic import ValidationError

from livetranslate.domain.errors import InvalidInput
from livetranslate.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("LIVETRANSLATE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_config(place: Path, text: str) -> None:
    (place / "config").mkdir()
    (place / "config" / "orchestration.yaml").write_text(text)


def test_defaults_are_those_of_the_contract(clean_place: Path) -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 3000, "INFO")
    assert settings.whisper_service_url == ("http://localhost:5001",)
    assert settings.worker_pool_size == 4
    assert settings.redis_url is None
    assert settings.model_dir == clean_place / "var" / "models"
    database = settings.database_options().url
    assert database == f"sqlite+aiosqlite:///{clean_place}/var/livetranslate.db"


def test_each_source_beats_the_one_before(
    clean_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"frontend": "port", "websocket": "max_connections", "gateway": "retries"}
    write_config(clean_place, "".join(f"{s}: {{{k}: 7}}\n" for s, k in names.items()))
    monkeypatch.setenv("WEBSOCKET_MAX_CONNECTIONS", "8")
    monkeypatch.setenv("SERVICE_RETRY_ATTEMPTS", "8")
    settings = load_settings(
        {"port": 6, "max_queue_size": 6}, service_retry_attempts=9, max_queue_size=None
    )
    assert settings.max_queue_size == 6
    assert settings.port == 7
    assert settings.websocket_max_connections == 8
    assert settings.service_retry_attempts == 9


def test_every_wrong_field_is_named_at_once(
    clean_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(
        clean_place, "frontend: {port: many}\ngateway: 3\nservices: {whisper: {url: nowhere}}\n"
    )
    monkeypatch.setenv("WORKER_POOL_SIZE", "-1")
    monkeypatch.setenv("DATABASE_URL", "mysql://user:hidden@host/db")
    with pytest.raises(InvalidInput) as caught:
        load_settings(log_level="loud")
    message = caught.value.message
    named = ("frontend.port", "gateway:", "services.whisper.url", "WORKER_POOL_SIZE")
    for name in (*named, "DATABASE_URL", "LOG_LEVEL"):
        assert name in message
    assert "hidden" not in message


def test_only_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "abc")
    with pytest.raises(InvalidInput) as raised:
        load_settings()
    assert raised.value.field == "PORT"
    assert "DATABASE_URL" not in raised.value.message
    assert "MODEL_DIR" not in raised.value.message


def test_file_that_is_no_yaml_or_absent_but_asked_for(clean_place: Path) -> None:
    write_config(clean_place, "frontend: [")
    with pytest.raises(InvalidInput, match="orchestration.yaml"):
        load_settings()
    with pytest.raises(InvalidInput, match="absent.yaml"):
        load_settings(config_file=Path("absent.yaml"))


def test_unknown_override_is_refused() -> None:
    with pytest.raises(InvalidInput, match="prot"):
        load_settings(prot=3000)


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:////tmp/x.db", "sqlite+aiosqlite:////tmp/x.db"),
        ("postgresql://u:p@h:5/d", "postgresql+asyncpg://u:p@h:5/d"),
        ("postgresql+asyncpg://h/d", "postgresql+asyncpg://h/d"),
    ],
)
def test_plain_database_urls_get_their_driver(given: str, driver: str) -> None:
    assert load_settings(database_url=given).database_options().url == driver


def test_lists_and_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHISPER_SERVICE_URL", "http://a:1;weight=2, http://b:1")
    monkeypatch.setenv("API_KEYS", "one,two")
    settings = load_settings(worker_pool_size="auto")
    assert settings.whisper_service_url == ("http://a:1;weight=2", "http://b:1")
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]
    assert settings.worker_pool_size == "auto"
    monkeypatch.setenv("WHISPER_SERVICE_URL", "http://a:1;weight=0")
    with pytest.raises(InvalidInput, match="WHISPER_SERVICE_URL"):
        load_settings()


def test_snapshot_cannot_change_and_hides_secrets() -> None:
    settings = load_settings(
        secret_key="hidden-a",
        api_keys=("hidden-b",),
        openai_api_key="hidden-c",
        database_url="postgresql://u:hidden-d@h/d",
        redis_url="redis://:hidden-e@h",
        webhook_urls="https://h/hidden-f",
    )
    assert "hidden" not in repr(settings) + str(settings) + repr(settings.database_options())
    with pytest.raises(ValidationError):
        settings.port = 1  # pyright: ignore[reportAttributeAccessIssue] - the point of the test


def test_production_refuses_what_is_only_safe_at_home() -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings(environment="production", cors_origins="*")
    assert "SECRET_KEY" in caught.value.message
    assert "CORS_ORIGINS" in caught.value.message
    own = load_settings(environment="production", secret_key="own", cors_origins="https://a.b")
    assert own.production


def test_log_options_follow() -> None:
    options = load_settings(websocket_timeout=60, max_concurrent_sessions=3).log_options()
    assert (options.session_timeout_s, options.max_sessions) == (60.0, 3)


def test_redis_can_be_switched_off_where_a_role_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    role: dict[str, object] = {"redis_url": "redis://localhost:6379"}
    url = load_settings(role).redis_url
    assert url is not None and url.get_secret_value() == "redis://localhost:6379"
    monkeypatch.setenv("REDIS_URL", "OFF")
    assert load_settings(role).redis_url is None
    monkeypatch.setenv("REDIS_URL", "https://:hidden@somewhere")
    with pytest.raises(InvalidInput, match="REDIS_URL: .*redis://") as raised:
        load_settings(role)
    assert "hidden" not in raised.value.message


def test_the_claims_time_to_live_reaches_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_CLAIM_TTL", "7")
    assert load_settings().log_options().claim_ttl_s == 7
