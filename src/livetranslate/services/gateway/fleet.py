"""The instances of every service, and the choice among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum

import msgspec
import structlog

from livetranslate.domain.errors import BackendUnavailable, NotFound
from livetranslate.services.gateway.balance import SmoothRoundRobin
from livetranslate.services.gateway.breaker import BreakerOptions, BreakerState, CircuitBreaker
from livetranslate.services.gateway.instances import Instance, Origin
from livetranslate.services.gateway.pool import ConnectionPool, PoolOptions
from livetranslate.services.gateway.vitals import Vitals

NONE_KNOWN_RETRY_S = 2.0
"""When to ask again for a service that no instance is known of."""

_log = structlog.get_logger(__name__)


class What(str, Enum):
    """What of an instance changed."""

    HEALTH = "health"
    BREAKER = "breaker"
    KNOWN = "known"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an instance's state, as observers hear of it.

    Attributes:
        service: Its service.
        instance_id: Its id.
        url: Its address.
        what: Which state.
        before: The state before.
        after: The state now.
        at: When.
        reason: Why, if it is known.
    """

    service: str
    instance_id: str
    url: str
    what: What
    before: str
    after: str
    at: datetime
    reason: str | None = None


Observer = Callable[[Change], None]
"""Hears of changes, in the loop's thread; it must be quick."""


class Backend:
    """An instance at work.

    Attributes:
        instance: What it is.
        breaker: Its breaker.
        pool: Connections to it.
        vitals: Its health.
        requests: Calls sent to it.
        failures: Those that failed by its fault.
    """

    def __init__(self, instance: Instance, fleet: Fleet) -> None:
        self.instance = instance
        self.pool = ConnectionPool(instance.url, fleet.pool_options)
        self.vitals = Vitals()
        self.breaker = CircuitBreaker(fleet.breaker_options, self._breaker_moved)
        self.requests = 0
        self.failures = 0
        self._fleet = fleet

    def _breaker_moved(self, before: BreakerState, after: BreakerState) -> None:
        self._fleet.tell(self, What.BREAKER, before.value, after.value)


class Admission:
    """Leave for one call to an instance; it gets one verdict, and later ones count nothing.

    Attributes:
        backend: The instance.
        probe: Whether the call is to show that the instance has recovered.
    """

    __slots__ = ("_clock", "_ticket", "backend", "probe")

    def __init__(self, backend: Backend, clock: Callable[[], float]) -> None:
        self.backend = backend
        self._clock = clock
        now = clock()
        self.probe = backend.breaker.state(now) is not BreakerState.CLOSED
        self._ticket: int | None = backend.breaker.admit(now)
        backend.requests += 1

    def succeeded(self) -> None:
        """Note that the instance did its part."""
        if self._ticket is not None:
            self.backend.breaker.succeeded(self._ticket)
            self._ticket = None

    def failed(self) -> None:
        """Note that the call failed by the instance's fault."""
        if self._ticket is not None:
            self.backend.failures += 1
            self.backend.breaker.failed(self._ticket, self._clock())
            self._ticket = None

    def abandoned(self) -> None:
        """Note that the call ended without a verdict."""
        if self._ticket is not None:
            self.backend.breaker.abandoned(self._ticket)
            self._ticket = None


class Fleet:
    """All services and their instances.

    Args:
        services: Names of the services there can be.
        breaker_options: Of every instance's breaker.
        pool_options: Of every instance's connections.
        clock: Steady seconds.

    Attributes:
        observers: Told of every change.
    """

    def __init__(
        self,
        services: Iterable[str],
        breaker_options: BreakerOptions | None = None,
        pool_options: PoolOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.breaker_options = breaker_options or BreakerOptions()
        self.pool_options = pool_options or PoolOptions()
        self.clock = clock
        self.observers: list[Observer] = []
        self._balancers = {name: SmoothRoundRobin() for name in services}
        self._backends: dict[str, dict[str, Backend]] = {name: {} for name in self._balancers}

    def configure(self, breaker_options: BreakerOptions, pool_options: PoolOptions) -> None:
        """Hold every instance to other options from now on, calls under way included."""
        self.breaker_options, self.pool_options = breaker_options, pool_options
        for backend in self.backends():
            backend.breaker.configure(breaker_options)
            backend.pool.configure(pool_options)

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the services."""
        return tuple(self._backends)

    def backends(self, service: str | None = None) -> list[Backend]:
        """Return the instances of a service, or of all; raises NotFound."""
        names = self.services if service is None else (service,)
        return [one for name in names for one in self._of(name).values()]

    def put(self, instance: Instance) -> None:
        """Add an instance, or change the weight of one that is known."""
        known = self._of(instance.service)
        present = known.get(instance.instance_id)
        if present is None:
            known[instance.instance_id] = backend = Backend(instance, self)
            if instance.origin is Origin.REGISTERED:
                self.tell(backend, What.KNOWN, "unknown", instance.origin.value)
        elif instance.origin is Origin.CONFIGURED or present.instance.origin is instance.origin:
            present.instance = instance

    def drop(self, instance_id: str) -> None:
        """Forget an instance; its requests under way are cut."""
        for service, known in self._backends.items():
            backend = known.pop(instance_id, None)
            if backend is not None:
                backend.pool.close()
                self._balancers[service].keep(known)
                self.tell(backend, What.KNOWN, backend.instance.origin.value, "unknown")

    def choose(
        self,
        service: str,
        *,
        rather_not: Collection[str] = (),
        among: Collection[str] | None = None,
    ) -> Admission:
        """Choose an instance for a call.

        Ready ones come before those that are merely up, and those before ones that did not
        answer when they were asked for their health.

        Args:
            service: Which service.
            rather_not: Ids that are chosen only if there is no other.
            among: Ids that may be chosen; None for all.

        Raises:
            BackendUnavailable: None is known, or every breaker is open.
        """
        now = self.clock()
        known = self._of(service)
        ranked: dict[int, dict[str, int]] = {}
        for instance_id, backend in known.items():
            if (among is None or instance_id in among) and backend.breaker.admits(now):
                rank = backend.vitals.rank + (10 if instance_id in rather_not else 0)
                ranked.setdefault(rank, {})[instance_id] = backend.instance.weight
        if not ranked:
            raise self._none(service, known, now)
        chosen = self._balancers[service].choose(ranked[min(ranked)])
        return Admission(known[chosen], self.clock)

    def close(self) -> None:
        """Cut all connections."""
        for backend in self.backends():
            backend.pool.close()

    def tell(
        self, backend: Backend, what: What, before: str, after: str, reason: str | None = None
    ) -> None:
        """Tell observers of a change."""
        instance = backend.instance
        change = Change(
            service=instance.service,
            instance_id=instance.instance_id,
            url=instance.url,
            what=what,
            before=before,
            after=after,
            at=datetime.now(UTC),
            reason=reason,
        )
        _log.info(
            "backend_changed",
            service=change.service,
            url=change.url,
            what=what.value,
            before=before,
            after=after,
            reason=reason,
        )
        for observer in tuple(self.observers):
            observer(change)

    def _of(self, service: str) -> dict[str, Backend]:
        try:
            return self._backends[service]
        except KeyError:
            raise NotFound(
                f"there is no service {service}; there are {', '.join(self.services)}",
                field="service",
            ) from None

    def _none(self, service: str, known: Mapping[str, Backend], now: float) -> BackendUnavailable:
        if not known:
            return BackendUnavailable(
                f"no instance of {service} is known; start one, or name it by "
                f"{service.upper()}_SERVICE_URL",
                retry_after_s=NONE_KNOWN_RETRY_S,
            )
        wait_s = min(backend.breaker.retry_after_s(now) for backend in known.values())
        return BackendUnavailable(
            f"{service} failed again and again and is left alone for a moment",
            retry_after_s=max(wait_s, 0.1),
        )
