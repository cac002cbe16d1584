"""Subscriptions to services: their state, told again every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from livetranslate.domain.errors import InvalidInput, LiveTranslateError
from livetranslate.domain.messages import Service, ServiceEvent, Subscribed, Unsubscribed
from livetranslate.services.realtime.frames import Frame
from livetranslate.services.realtime.outbox import Outbox

Source = Callable[[], Awaitable[dict[str, Any]]]
"""Returns what a service tells now."""

_log = structlog.get_logger(__name__)


class Subscriptions:
    """Who wants to hear of which service.

    One task a service that anybody listens to asks its source every ``period_s`` and tells all
    subscribers; a subscriber that reads slowly gets the newest only.
    """

    def __init__(self, sources: Mapping[Service, Source], *, period_s: float) -> None:
        self._sources = sources
        self._period_s = period_s
        self._outboxes: dict[Service, set[Outbox]] = {}
        self._tasks: dict[Service, asyncio.Task[None]] = {}

    def add(self, service: Service, outbox: Outbox) -> None:
        """Confirm a subscription and tell the service's state at once, then regularly.

        Raises:
            InvalidInput: Nothing is known of the service here.
        """
        if service not in self._sources:
            known = ", ".join(sorted(one.value for one in self._sources))
            raise InvalidInput(
                f"nothing tells of {service.value} here; there is {known}", field="service"
            )
        self._outboxes.setdefault(service, set()).add(outbox)
        outbox.put(Frame(Subscribed(service=service)))
        present = self._tasks.pop(service, None)
        if present is not None:
            present.cancel()
        self._tasks[service] = asyncio.create_task(self._tell(service), name=f"tell {service}")

    def remove(self, service: Service, outbox: Outbox) -> None:
        """End a subscription."""
        self._forget(service, outbox)
        outbox.put(Frame(Unsubscribed(service=service)))

    def drop(self, outbox: Outbox) -> None:
        """End every subscription of a connection that leaves."""
        for service in tuple(self._outboxes):
            self._forget(service, outbox)

    def announce(self, service: Service, data: dict[str, Any]) -> None:
        """Tell all subscribers of a service at once; unlike its state, this is never left out."""
        outboxes = tuple(self._outboxes.get(service, ()))
        if outboxes:
            frame = Frame(ServiceEvent(service=service, data=data))
            for outbox in outboxes:
                outbox.put(frame)

    def _forget(self, service: Service, outbox: Outbox) -> None:
        outboxes = self._outboxes.get(service)
        if outboxes is None:
            return
        outboxes.discard(outbox)
        if not outboxes:
            del self._outboxes[service]
            self._tasks.pop(service).cancel()

    async def _tell(self, service: Service) -> None:
        while True:
            try:
                data = await self._sources[service]()
            except LiveTranslateError as error:
                data = {"status": "unavailable", "code": error.code, "message": error.message}
            except Exception:  # noqa: BLE001 - a source's fault must not end the subscription
                _log.exception("service_event_failed", service=service.value)
                data = {"status": "unknown"}
            frame = Frame(
                ServiceEvent(service=service, data=data), key=("service", service), replaceable=True
            )
            for outbox in tuple(self._outboxes.get(service, ())):
                outbox.put(frame)
            await asyncio.sleep(self._period_s)
