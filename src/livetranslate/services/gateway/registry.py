"""Instances that announced themselves, each with a time to live that announcing again renews."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from livetranslate.services.gateway.instances import Instance


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """An announced instance.

    Attributes:
        instance: The instance.
        expires_in_s: How long it is known if it does not renew.
    """

    instance: Instance
    expires_in_s: float


class Registry(Protocol):
    """What all orchestration instances of an installation know in common."""

    async def register(self, instance: Instance, ttl_s: float) -> None:
        """Keep an instance for so long; again to renew it."""
        ...

    async def remove(self, instance_id: str) -> bool:
        """Forget an instance; False if it was not known."""
        ...

    async def instances(self) -> list[Registered]:
        """Return those that have not expired; raises BackendUnavailable if none can be had."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class MemoryRegistry:
    """Registrations of one orchestration process.

    Args:
        clock: Steady seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[Instance, float]] = {}

    async def register(self, instance: Instance, ttl_s: float) -> None:
        """Keep an instance for so long."""
        self._known[instance.instance_id] = (instance, self._clock() + ttl_s)

    async def remove(self, instance_id: str) -> bool:
        """Forget an instance."""
        self._expire()
        return self._known.pop(instance_id, None) is not None

    async def instances(self) -> list[Registered]:
        """Return those that have not expired."""
        self._expire()
        now = self._clock()
        return [
            Registered(instance=instance, expires_in_s=until - now)
            for instance, until in self._known.values()
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _expire(self) -> None:
        now = self._clock()
        self._known = {key: kept for key, kept in self._known.items() if kept[1] > now}
