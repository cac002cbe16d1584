"""Settings of every role: defaults < ``config/orchestration.yaml`` < environment < command line.

Each field has the name of its environment variable, in lower case. A loaded ``Settings`` never
changes, and knows how to make the options that the parts below take.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from livetranslate.asr.models.store import StoreOptions
from livetranslate.domain.errors import InvalidInput
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.pool.admission import AdmissionOptions
from livetranslate.sessions.pool.health import HealthOptions
from livetranslate.sessions.pool.pool import PoolOptions
from livetranslate.sessions.pool.scaling import ScalingOptions
from livetranslate.storage.options import DatabaseOptions, async_url
from livetranslate.translation.options import TranslationOptions

CONFIG_FILE = Path("config/orchestration.yaml")
DEFAULT_SECRET_KEY = "development-only-secret-key"  # noqa: S105 - refused in production

_YAML_FIELDS: dict[str, str] = {
    "orchestration.service_name": "service_name",
    "orchestration.version": "service_version",
    "frontend.host": "host",
    "frontend.port": "port",
    "frontend.workers": "frontend_workers",
    "websocket.max_connections": "websocket_max_connections",
    "websocket.connection_timeout": "websocket_timeout",
    "websocket.heartbeat_interval": "websocket_heartbeat_interval",
    "gateway.timeout": "gateway_timeout",
    "gateway.retries": "service_retry_attempts",
    "gateway.circuit_breaker_threshold": "circuit_breaker_threshold",
    "monitoring.health_check_interval": "health_check_interval",
    "monitoring.auto_recovery": "auto_recovery",
    "services.whisper.url": "whisper_service_url",
    "services.whisper.health_endpoint": "whisper_health_endpoint",
    "services.translation.url": "translation_service_url",
    "services.translation.health_endpoint": "translation_health_endpoint",
}


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _service_url(url: str) -> str:
    address, _, options = url.partition(";")
    weight = options.removeprefix("weight=")
    if not address.startswith(("http://", "https://")):
        raise ValueError("a service's address begins with http:// or https://")
    if options and (weight == options or not weight.isdigit() or int(weight) < 1):
        raise ValueError("behind ';' of a service's address stands weight=N with N of 1 or more")
    return url


def _database_url(url: SecretStr) -> SecretStr:
    try:
        return SecretStr(async_url(url.get_secret_value()))
    except InvalidInput as error:
        raise ValueError(error.message) from error


def _unless_off(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() == "off" else value


def _redis_url(url: SecretStr | None) -> SecretStr | None:
    if url is not None and not url.get_secret_value().startswith(
        ("redis://", "rediss://", "unix://")
    ):
        raise ValueError("begins with redis://, rediss:// or unix://, or is 'off'")
    return url


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _data_path(values: dict[str, Any], name: str) -> Path:
    return cast(Path, values.get("livetranslate_data", _absolute(Path("var")))) / name


def _default_database(values: dict[str, Any]) -> SecretStr:
    return SecretStr(f"sqlite+aiosqlite:///{_data_path(values, 'livetranslate.db')}")


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]
ServiceUrls = Annotated[
    tuple[Annotated[str, AfterValidator(_service_url)], ...],
    NoDecode,
    BeforeValidator(_split),
    Field(min_length=1),
]
Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
DataPath = Annotated[Path, AfterValidator(_absolute)]


class Settings(BaseSettings):
    """An immutable snapshot; ``load_settings`` makes it from file, environment and command line.

    Times are seconds. ``None`` means unset: no limit, no retention, nothing configured.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = "development"
    livetranslate_data: Annotated[DataPath, Field(validate_default=True)] = Path("var")

    host: str = "0.0.0.0"  # noqa: S104 - the contract's default; a server is to be reached
    port: Port = 3000
    secret_key: SecretStr = SecretStr(DEFAULT_SECRET_KEY)
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)
    ] = "INFO"
    api_keys: Secrets = ()
    cors_origins: Words = (
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "http://localhost:5173",
    )
    database_url: Annotated[SecretStr, AfterValidator(_database_url)] = Field(
        default_factory=_default_database
    )
    model_dir: DataPath = Field(default_factory=lambda values: _data_path(values, "models"))
    retention_days: Count | None = None
    webhook_urls: Secrets = ()

    service_name: str = "livetranslate"
    service_version: str | None = None
    frontend_workers: Count = 1
    audio_service_url: ServiceUrls | None = None
    whisper_service_url: ServiceUrls = ("http://localhost:5001",)
    whisper_health_endpoint: str = "/health"
    translation_service_url: ServiceUrls = ("http://localhost:5003",)
    translation_health_endpoint: str = "/api/health"
    service_discovery_enabled: bool = False
    orchestration_url: Words = ()
    advertised_url: Annotated[str, AfterValidator(_service_url)] | None = None
    service_timeout: Seconds = 30.0
    service_retry_attempts: Annotated[int, Field(ge=0)] = 3
    gateway_timeout: Seconds = 30.0
    circuit_breaker_threshold: Count = 5
    health_check_interval: Seconds = 10.0
    auto_recovery: bool = True
    rate_limit_requests: Annotated[float, Field(ge=0)] = 200.0
    rate_limit_burst: Count = 2000
    rate_limit_connections: Annotated[float, Field(ge=0)] = 1000.0

    websocket_max_connections: Count = 10_000
    websocket_timeout: Seconds = 1800.0
    websocket_heartbeat_interval: Seconds = 30.0

    redis_url: Annotated[
        SecretStr | None, BeforeValidator(_unless_off), AfterValidator(_redis_url)
    ] = None
    redis_session_queue: str = "voice_sessions"
    redis_worker_response_queue: str = "worker_responses"
    redis_cache_ttl: Seconds = 3600.0

    worker_pool_size: Count | Literal["auto"] = 4
    worker_pool_max: Count | None = None
    worker_max_memory_mb: Count | None = None
    max_sessions_per_worker: Count = 10
    worker_heartbeat_interval: Seconds = 30.0
    worker_claim_ttl: Seconds = 3.0
    worker_timeout: Seconds = 1200.0
    max_concurrent_sessions: Count = 100
    max_queue_size: Count | None = None
    result_ttl: Seconds = 86_400.0
    direct_max_mb: Count = 20

    whisper_model: str | None = None
    whisper_device: Literal["auto", "cpu", "cuda"] = "auto"
    whisper_compute_type: str = "auto"
    translation_engine: str = "auto"
    translation_model: str | None = None
    openai_base_url: str | None = None
    openai_api_key: SecretStr | None = None

    google_meet_client_id: str | None = None
    google_meet_client_secret: SecretStr | None = None
    google_meet_refresh_token: SecretStr | None = None
    google_meet_base_url: Annotated[str, AfterValidator(_service_url)] = (
        "https://meet.googleapis.com"
    )
    google_meet_token_url: Annotated[str, AfterValidator(_service_url)] = (
        "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is given: ``load_settings`` gathers the sources, so it can name them."""
        return (init_settings,)

    @property
    def production(self) -> bool:
        """Whether this is no place for defaults that are only safe on one's own machine."""
        return self.environment == "production"

    def log_options(self) -> LogOptions:
        """Return the bounds of the session log."""
        return LogOptions(
            claim_ttl_s=self.worker_claim_ttl,
            session_timeout_s=self.websocket_timeout,
            max_sessions=self.max_concurrent_sessions,
        )

    def pool_options(self, number: int) -> PoolOptions:
        """Return how this process looks after its local workers, of which so many are started.

        A worker that has missed three heartbeats hangs; an alert tells of it after two.
        """
        return PoolOptions(
            scaling=ScalingOptions(least=number, most=max(number, self.worker_pool_max or number)),
            health=HealthOptions(
                silent_s=3 * self.worker_heartbeat_interval,
                max_memory_bytes=self._worker_memory,
            ),
        )

    def admission_options(self) -> AdmissionOptions:
        """Return when a worker that has room by number takes sessions."""
        return AdmissionOptions(max_memory_bytes=self._worker_memory)

    @property
    def _worker_memory(self) -> int | None:
        megabytes = self.worker_max_memory_mb
        return megabytes and megabytes << 20

    def store_options(self) -> StoreOptions:
        """Return where speech models lie."""
        return StoreOptions(model_dir=self.model_dir)

    def translation_options(self) -> TranslationOptions:
        """Return which translation engines are used, and how."""
        key = self.openai_api_key
        return TranslationOptions(
            engine=self.translation_engine,
            model_dir=str(self.model_dir / "translation"),
            openai_base_url=self.openai_base_url,
            openai_api_key=key.get_secret_value() if key else None,
            openai_model=self.translation_model,
            device=self.whisper_device,
        )

    def database_options(self) -> DatabaseOptions:
        """Return where the database is."""
        return DatabaseOptions(url=self.database_url.get_secret_value())


def load_settings(
    defaults: Mapping[str, object] | None = None,
    /,
    *,
    config_file: Path | None = None,
    **overrides: object,
) -> Settings:
    """Return the settings of this process.

    Args:
        defaults: Defaults of a role where they differ from the common ones, by field name.
        config_file: YAML file; by default ``config/orchestration.yaml``, which may be absent.
        overrides: What the command line says, by field name; None means not said.

    Raises:
        InvalidInput: One message that names every wrong field with its reason.
    """
    said = {name: value for name, value in overrides.items() if value is not None}
    named = [*said, *(defaults or {})]
    if unknown := sorted(name for name in named if name not in Settings.model_fields):
        raise InvalidInput(f"there is no setting {', '.join(unknown)}", field=unknown[0])
    from_file, complaints = _read_config(config_file)
    from_environment = EnvSettingsSource(Settings)()
    values: dict[str, Any] = {**(defaults or {}), **from_file, **from_environment, **said}
    in_file = from_file.keys() - from_environment.keys() - said.keys()
    try:
        settings = Settings(**values)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            if problem["type"] != "default_factory_not_called":  # only follows from another
                complaints.append((_label(problem["loc"], in_file), problem["msg"]))
    else:
        complaints += _unsafe(settings)
        if not complaints:
            return settings
    unique = list(dict.fromkeys(complaints))
    listed = "; ".join(f"{name}: {reason}" for name, reason in unique)
    raise InvalidInput(f"wrong settings: {listed}", field=unique[0][0])


def _unsafe(settings: Settings) -> list[tuple[str, str]]:
    """Return what must not be in production, by environment name."""
    if not settings.production:
        return []
    found: list[tuple[str, str]] = []
    if settings.secret_key.get_secret_value() == DEFAULT_SECRET_KEY:
        found.append(("SECRET_KEY", "production needs a secret key of its own"))
    if "*" in settings.cors_origins:
        found.append(("CORS_ORIGINS", "production needs the exact origins, not '*'"))
    return found


def _label(location: tuple[int | str, ...], in_file: set[str]) -> str:
    """Return the name a person gave the field: its variable, or its path in the file."""
    field = str(location[0])
    if field in in_file:
        return next(path for path, name in _YAML_FIELDS.items() if name == field)
    return field.upper()


def _read_config(path: Path | None) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the fields that the YAML file sets, and what is wrong with its structure."""
    file = path or Path(os.environ.get("LIVETRANSLATE_CONFIG") or CONFIG_FILE)
    if path is None and not file.exists():
        return {}, []
    try:
        document: object = YAML(typ="safe").load(file)  # pyright: ignore[reportUnknownMemberType] - untyped
    except (OSError, YAMLError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}", field=str(file)) from error
    values: dict[str, Any] = {}
    complaints: list[tuple[str, str]] = []
    for dotted, field in _YAML_FIELDS.items():
        node, at = document, str(file)
        for key in dotted.split("."):
            if node is None:
                break
            if not isinstance(node, dict):
                complaints.append((at, "must hold names and values"))
                node = None
                break
            node = cast("dict[str, object]", node).get(key)
            at = key if at == str(file) else f"{at}.{key}"
        if node is not None:
            values[field] = node
    return values, complaints
