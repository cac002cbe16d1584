"""The gateway's parts as the settings describe them."""

from __future__ import annotations

from livetranslate.services.gateway.breaker import BreakerOptions
from livetranslate.services.gateway.gateway import Gateway, GatewayOptions
from livetranslate.services.gateway.limits import RateLimitOptions
from livetranslate.services.gateway.redis_registry import RedisRegistry
from livetranslate.services.gateway.registry import MemoryRegistry, Registry
from livetranslate.settings import Settings

RENEWALS = 3
"""How often an announcement is renewed within its time to live."""


def gateway_options(settings: Settings) -> GatewayOptions:
    """Return what the gateway is told. Audio is whisper's, if it has no addresses of its own."""
    urls = {
        "whisper": settings.whisper_service_url,
        "translation": settings.translation_service_url,
    }
    audio = settings.audio_service_url
    return GatewayOptions(
        urls=urls | ({"audio": audio} if audio else {}),
        aliases={} if audio else {"audio": "whisper"},
        health_paths={
            "whisper": settings.whisper_health_endpoint,
            "translation": settings.translation_health_endpoint,
            "audio": settings.whisper_health_endpoint,
        },
        api_key=settings.api_keys[0].get_secret_value() if settings.api_keys else None,
        timeout_s=settings.gateway_timeout,
        retries=settings.service_retry_attempts,
        breaker=BreakerOptions(threshold=settings.circuit_breaker_threshold),
        health_interval_s=settings.health_check_interval,
        discovery=settings.service_discovery_enabled,
        registration_ttl_s=RENEWALS * settings.health_check_interval,
    )


def registry_of(settings: Settings) -> Registry:
    """Return where announcements are kept: in Redis if there is one, for all instances."""
    if settings.redis_url is None:
        return MemoryRegistry()
    return RedisRegistry(settings.redis_url.get_secret_value())


def gateway_of(settings: Settings) -> Gateway:
    """Return the services behind orchestration as the settings name them."""
    return Gateway(gateway_options(settings), registry_of(settings))


def rate_limit_options(settings: Settings) -> RateLimitOptions:
    """Return what one caller may ask for."""
    return RateLimitOptions(
        requests=settings.rate_limit_requests,
        burst=settings.rate_limit_burst,
        connections=settings.rate_limit_connections,
        connection_burst=settings.websocket_max_connections,
    )
