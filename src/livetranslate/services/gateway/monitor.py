"""Asks every instance for its health, time after time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.gateway.breaker import BreakerState
from livetranslate.services.gateway.calls import ask
from livetranslate.services.gateway.connection import Header
from livetranslate.services.gateway.fleet import Admission, Backend, Fleet, What
from livetranslate.services.gateway.vitals import Health

_log = structlog.get_logger(__name__)


class MonitorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How health is asked for.

    Attributes:
        interval_s: Between two questions to one instance.
        timeout_s: Longest time for an answer.
        paths: Where each service tells its health.
    """

    interval_s: float = 10.0
    timeout_s: float = 3.0
    paths: Mapping[str, str]


class HealthMonitor:
    """Keeps the vitals of a fleet.

    An instance whose breaker is half open and that is healthy closes it, so that a breaker closes
    without anybody's request having to be the probe.

    Args:
        fleet: Whom to ask.
        options: How.
        headers: Sent with each question.
    """

    def __init__(
        self, fleet: Fleet, options: MonitorOptions, headers: Sequence[Header] = ()
    ) -> None:
        self._fleet = fleet
        self._options = options
        self._headers = tuple(headers)
        self._configured = asyncio.Event()

    def configure(self, options: MonitorOptions) -> None:
        """Ask in another way, from now on."""
        self._options = options
        self._configured.set()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            began = asyncio.get_running_loop().time()
            self._configured.clear()
            await asyncio.gather(*(self.check(one) for one in self._fleet.backends()))
            spent = asyncio.get_running_loop().time() - began
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._options.interval_s - spent)):
                    await self._configured.wait()

    async def describe(self) -> list[dict[str, Any]]:
        """Return the health of every instance, none of it older than two intervals."""
        now = self._fleet.clock()
        old = [
            one
            for one in self._fleet.backends()
            if one.vitals.checked_at is None
            or now - one.vitals.checked_at > 2 * self._options.interval_s
        ]
        await asyncio.gather(*(self.check(one) for one in old))
        return [self._describe(one) for one in self._fleet.backends()]

    async def check(self, backend: Backend) -> None:
        """Ask one instance."""
        now = self._fleet.clock()
        probe: Admission | None = None
        if backend.breaker.state(now) is BreakerState.HALF_OPEN and backend.breaker.admits(now):
            probe = Admission(backend, self._fleet.clock)
        began = time.monotonic()
        details: dict[str, Any] = {}
        reason: str | None = None
        try:
            async with asyncio.timeout(self._options.timeout_s):
                path = self._options.paths.get(backend.instance.service, "/health")
                answer = await ask(backend, path, self._headers)
            details = msgspec.json.decode(answer.body, type=dict[str, Any])
            status = Health.HEALTHY if answer.status < 400 else Health.UNHEALTHY
            reason = None if status is Health.HEALTHY else f"answered {answer.status}"
        except TimeoutError:
            status, reason = Health.UNREACHABLE, f"no answer in {self._options.timeout_s:g} s"
        except BackendUnavailable as error:
            status, reason = Health.UNREACHABLE, error.message
        except msgspec.DecodeError as error:
            status, reason = Health.UNHEALTHY, f"its health is no JSON: {error}"
        except BaseException:
            if probe is not None:
                probe.abandoned()
            raise
        if probe is not None:
            (probe.succeeded if status is Health.HEALTHY else probe.failed)()
        before = backend.vitals.note(
            status,
            now=self._fleet.clock(),
            latency_s=time.monotonic() - began,
            details=details,
            reason=reason,
        )
        if before is not status:
            self._fleet.tell(backend, What.HEALTH, before.value, status.value, reason)

    def _describe(self, backend: Backend) -> dict[str, Any]:
        now = self._fleet.clock()
        vitals, instance = backend.vitals, backend.instance
        state = backend.breaker.state(now)
        latency_ms = None if vitals.latency_s is None else round(1000 * vitals.latency_s, 2)
        told: dict[str, Any] = {
            "id": instance.instance_id,
            "service": instance.service,
            "url": instance.url,
            "weight": instance.weight,
            "origin": instance.origin.value,
            "status": vitals.status.value,
            "latency_ms": latency_ms,
            "uptime_s": vitals.details.get("uptime_s"),
            "details": vitals.details,
            "reason": vitals.reason,
            "status_since_s": vitals.same_status_s(now),
            "checks": vitals.checks,
            "failed_checks": vitals.failed_checks,
            "requests": backend.requests,
            "failures": backend.failures,
            "in_flight": backend.pool.busy,
            "breaker": {
                "state": state.value,
                "failures_in_a_row": backend.breaker.failures,
                "retry_after_s": round(backend.breaker.retry_after_s(now), 3)
                if state is BreakerState.OPEN
                else None,
            },
        }
        return told
