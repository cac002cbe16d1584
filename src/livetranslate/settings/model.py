"""The settings of every role, checked and frozen.

Each field has the name of its environment variable, in lower case. A loaded ``Settings`` never
changes, and knows how to make the options that the parts below take.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from livetranslate.asr.models.store import StoreOptions
from livetranslate.audio.enhancement.configured import ConfiguredPresets
from livetranslate.domain.errors import InvalidInput
from livetranslate.meetings import meet
from livetranslate.meetings.address import loopback_origin
from livetranslate.meetings.options import BotOptions
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.pool.admission import AdmissionOptions
from livetranslate.sessions.pool.health import HealthOptions
from livetranslate.sessions.pool.pool import PoolOptions
from livetranslate.sessions.pool.scaling import ScalingOptions
from livetranslate.settings.origin import Origin
from livetranslate.storage.options import DatabaseOptions, async_url
from livetranslate.translation.options import TranslationOptions
from livetranslate.translation.remote import RemoteOptions

DEFAULT_SECRET_KEY = "development-only-secret-key"  # noqa: S105 - refused in production


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

    Attributes:
        origin: What it was made from; made again from there it follows a changed file.
        audio: The presets of the configuration's section ``audio``.
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
    known_voices: bool = True
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

    max_bots: Count = 20
    meeting_hosts: Words = meet.HOSTS
    chromium_path: str | None = None
    bot_profile: DataPath | None = None
    rehearsal_origin: Annotated[str, AfterValidator(loopback_origin)] | None = None
    google_meet_client_id: str | None = None
    google_meet_client_secret: SecretStr | None = None
    google_meet_refresh_token: SecretStr | None = None
    google_meet_base_url: Annotated[str, AfterValidator(_service_url)] = (
        "https://meet.googleapis.com"
    )
    google_meet_token_url: Annotated[str, AfterValidator(_service_url)] = (
        "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    )

    _origin: Origin = PrivateAttr(default_factory=Origin)
    _audio: ConfiguredPresets = PrivateAttr(default_factory=ConfiguredPresets)

    @property
    def origin(self) -> Origin:
        """What these settings were made from."""
        return self._origin

    @property
    def audio(self) -> ConfiguredPresets:
        """The audio presets of the configuration."""
        return self._audio

    def made_from(self, origin: Origin, audio: ConfiguredPresets) -> Settings:
        """Note where these settings come from; for whoever makes them."""
        self._origin, self._audio = origin, audio
        return self

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

    def remote_translation_options(self, *, patience_s: float = 0.0) -> RemoteOptions:
        """Return where translation services are, and the key that they ask for.

        Args:
            patience_s: For how long a service that has answered may be away.
        """
        return RemoteOptions(
            urls=tuple(url.partition(";")[0] for url in self.translation_service_url),
            timeout_s=self.service_timeout,
            patience_s=patience_s,
            api_key=self.api_keys[0].get_secret_value() if self.api_keys else None,
        )

    def bot_options(self) -> BotOptions:
        """Return how meeting bots run."""
        return BotOptions(
            executable=self.chromium_path,
            profile=self.bot_profile and str(self.bot_profile),
            max_bots=self.max_bots,
            hosts=self.meeting_hosts,
            rehearsal_origin=self.rehearsal_origin,
        )

    def database_options(self) -> DatabaseOptions:
        """Return where the database is, and whether voices are kept in it."""
        return DatabaseOptions(
            url=self.database_url.get_secret_value(), known_voices=self.known_voices
        )
