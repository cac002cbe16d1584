"""The gateway as the rest of orchestration sees it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog

from livetranslate.domain.errors import BackendUnavailable, Forbidden, LiveTranslateError, NotFound
from livetranslate.services.gateway.breaker import BreakerOptions
from livetranslate.services.gateway.calls import ask
from livetranslate.services.gateway.connection import Header
from livetranslate.services.gateway.fleet import Admission, Backend, Fleet
from livetranslate.services.gateway.instances import (
    Instance,
    Origin,
    configured,
    make_instance,
)
from livetranslate.services.gateway.monitor import HealthMonitor, MonitorOptions
from livetranslate.services.gateway.pool import PoolOptions
from livetranslate.services.gateway.proxy import HttpProxy, ProxyOptions
from livetranslate.services.gateway.registry import MemoryRegistry, Registered, Registry
from livetranslate.services.gateway.retry import RetryPolicy
from livetranslate.services.gateway.websocket import WebSocketProxy

CALL_S = 3.0
"""Longest time of one small request of our own."""
REFRESH_S = 2.0
"""How often it is looked who announced or renewed itself elsewhere."""

_log = structlog.get_logger(__name__)


class GatewayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway is told by the settings.

    Attributes:
        urls: Configured addresses, each maybe with ``;weight=N``, by service.
        health_paths: Where each service tells its health.
        aliases: Services that are served by another's instances, by their name.
        api_key: For requests of our own, where services ask for one.
        timeout_s: Longest silence of an instance.
        retries: Further tries of a call that may be repeated.
        breaker: Of every instance.
        health_interval_s: Between two questions for the health of an instance.
        discovery: Whether instances may announce themselves.
        registration_ttl_s: How long an announcement holds.
    """

    urls: Mapping[str, Sequence[str]]
    health_paths: Mapping[str, str]
    aliases: Mapping[str, str] = {}
    api_key: str | None = None
    timeout_s: float = 30.0
    retries: int = 3
    breaker: BreakerOptions = BreakerOptions()
    health_interval_s: float = 10.0
    discovery: bool = False
    registration_ttl_s: float = 30.0


class Gateway:
    """The services behind orchestration.

    Args:
        options: What the settings say.
        registry: Announced instances; of this process alone if not given.

    Attributes:
        fleet: All instances, whose ``observers`` hear of every change.
        http: Passes HTTP requests on.
        websocket: Passes WebSockets on.
    """

    def __init__(self, options: GatewayOptions, registry: Registry | None = None) -> None:
        self._options = options
        self._registry = registry or MemoryRegistry()
        self._headers: list[Header] = [(b"accept", b"application/json")]
        if options.api_key:
            self._headers.append((b"x-api-key", options.api_key.encode()))
        self.fleet = Fleet(options.urls, options.breaker, _pool(options))
        for service, urls in options.urls.items():
            for instance in configured(service, urls):
                self.fleet.put(instance)
        self.http = HttpProxy(self.fleet, _proxy(options))
        self.websocket = WebSocketProxy(self.fleet)
        self._monitor = HealthMonitor(self.fleet, _monitor(options), self._headers)
        self._registered: dict[str, Registered] = {}

    def configure(self, options: GatewayOptions) -> None:
        """Take other times, retries and breakers from now on; addresses stay as they are."""
        self._options = msgspec.structs.replace(
            self._options,
            timeout_s=options.timeout_s,
            retries=options.retries,
            breaker=options.breaker,
            health_interval_s=options.health_interval_s,
            registration_ttl_s=options.registration_ttl_s,
        )
        self.fleet.configure(options.breaker, _pool(options))
        self.http.configure(_proxy(options))
        self._monitor.configure(_monitor(self._options))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Watch health and announcements meanwhile; close everything in the end."""
        tasks = [asyncio.create_task(self._monitor.run(), name="gateway health")]
        if self._options.discovery:
            tasks.append(asyncio.create_task(self._refresh_for_ever(), name="gateway discovery"))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.close()

    async def close(self) -> None:
        """Cut all connections."""
        self.fleet.close()
        await self._registry.close()

    def service_of(self, name: str) -> str:
        """Return the service whose instances serve a name."""
        return self._options.aliases.get(name, name)

    async def describe(self) -> list[dict[str, Any]]:
        """Return the health of every instance."""
        told = await self._monitor.describe()
        for one in told:
            registered = self._registered.get(one["id"])
            one["expires_in_s"] = round(registered.expires_in_s, 1) if registered else None
        return told

    async def get(self, service: str, path: str) -> dict[str, Any]:
        """Return the JSON object at a path of a service.

        Raises:
            BackendUnavailable: No instance gives one.
        """
        tried: list[str] = []
        while True:
            admission = self.fleet.choose(self.service_of(service), rather_not=tried)
            tried.append(admission.backend.instance.instance_id)
            try:
                return await self._get(service, path, admission)
            except BackendUnavailable:
                if len(tried) > min(1, self._options.retries):
                    raise

    async def get_from(self, backend: Backend, path: str) -> dict[str, Any]:
        """Return the JSON object at a path of one instance, whatever its breaker says.

        Raises:
            BackendUnavailable: It gives none.
        """
        try:
            async with asyncio.timeout(CALL_S):
                answer = await ask(backend, path, self._headers)
            if answer.status >= 500:
                raise BackendUnavailable(f"it answered {answer.status}")
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except TimeoutError as error:
            raise BackendUnavailable(f"nothing came for {CALL_S:g} s") from error
        except msgspec.DecodeError as error:
            raise BackendUnavailable(f"its answer is no JSON: {error}") from error

    async def _get(self, service: str, path: str, admission: Admission) -> dict[str, Any]:
        try:
            answer = await self.get_from(admission.backend, path)
        except BackendUnavailable as error:
            admission.failed()
            raise BackendUnavailable(
                f"{service} does not answer: {error.message}", retry_after_s=2.0
            ) from error
        except BaseException:
            admission.abandoned()
            raise
        admission.succeeded()
        return answer

    async def register(self, service: str, url: str, weight: int) -> Registered:
        """Take up an instance that announces itself, or renew it.

        Raises:
            Forbidden: Instances may not announce themselves here.
            InvalidInput: There is no such service, or the address cannot be.
            BackendUnavailable: The registry cannot be reached.
        """
        self._check_discovery()
        name = self.service_of(service)
        if name not in self.fleet.services:
            raise NotFound(
                f"there is no service {service}; there are {', '.join(self.fleet.services)}",
                field="service",
            )
        instance = make_instance(name, url, weight, Origin.REGISTERED)
        ttl_s = self._options.registration_ttl_s
        await self._registry.register(instance, ttl_s)
        registered = Registered(instance=instance, expires_in_s=ttl_s)
        self._registered[instance.instance_id] = registered
        self.fleet.put(instance)
        return registered

    async def unregister(self, instance_id: str) -> None:
        """Forget an announced instance.

        Raises:
            Forbidden: Instances may not announce themselves here.
            NotFound: No such instance has announced itself.
            BackendUnavailable: The registry cannot be reached.
        """
        self._check_discovery()
        if not await self._registry.remove(instance_id):
            raise NotFound(f"no instance {instance_id} has announced itself")
        await self.refresh()

    async def refresh(self) -> None:
        """Bring the fleet in line with the registry; raises BackendUnavailable."""
        found = {one.instance.instance_id: one for one in await self._registry.instances()}
        for one in found.values():
            if one.instance.service in self.fleet.services:
                self.fleet.put(one.instance)
        self._registered = found
        for backend in self.fleet.backends():
            instance: Instance = backend.instance
            if instance.origin is Origin.REGISTERED and instance.instance_id not in found:
                self.fleet.drop(instance.instance_id)

    async def _refresh_for_ever(self) -> None:
        while True:
            # Without the registry, those known last stay; their breakers tell who is gone.
            with contextlib.suppress(LiveTranslateError):
                await self.refresh()
            await asyncio.sleep(REFRESH_S)

    def _check_discovery(self) -> None:
        if not self._options.discovery:
            raise Forbidden(
                "instances cannot announce themselves here; SERVICE_DISCOVERY_ENABLED=true allows "
                "it, and WHISPER_SERVICE_URL and TRANSLATION_SERVICE_URL name instances without"
            )


def _pool(options: GatewayOptions) -> PoolOptions:
    return PoolOptions(silence_s=options.timeout_s)


def _proxy(options: GatewayOptions) -> ProxyOptions:
    return ProxyOptions(retry=RetryPolicy(attempts=options.retries), timeout_s=options.timeout_s)


def _monitor(options: GatewayOptions) -> MonitorOptions:
    return MonitorOptions(
        interval_s=options.health_interval_s,
        timeout_s=min(CALL_S, options.health_interval_s),
        paths=options.health_paths,
    )
