"""Announced instances in Redis, for all orchestration instances of an installation.

A key with a time to live for each instance, and a set of their ids. Redis lets the keys expire; an
id without its key is taken out of the set by whoever reads it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.gateway.instances import Instance
from livetranslate.services.gateway.registry import Registered

IDS = "{gateway}:instances"
"""The set of ids; all keys share the hash tag, so that Redis Cluster serves."""
TIMEOUT_S = 3.0


class RedisRegistry:
    """Registrations that several processes share.

    Args:
        url: Address of Redis.
    """

    def __init__(self, url: str) -> None:
        # redis-py's client is generic over what it decodes to; here it decodes nothing.
        self._redis: Any = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - see above
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )

    async def register(self, instance: Instance, ttl_s: float) -> None:
        """Keep an instance for so long."""
        async with _telling(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(
                _key(instance.instance_id),
                msgspec.json.encode(instance),
                px=max(1, round(ttl_s * 1000)),
            )
            pipe.sadd(IDS, instance.instance_id)
            await pipe.execute()

    async def remove(self, instance_id: str) -> bool:
        """Forget an instance."""
        async with _telling(), self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_key(instance_id))
            pipe.srem(IDS, instance_id)
            removed, _ = await pipe.execute()
        return bool(removed)

    async def instances(self) -> list[Registered]:
        """Return those that have not expired."""
        async with _telling():
            ids = sorted(one.decode() for one in await self._redis.smembers(IDS))
            if not ids:
                return []
            async with self._redis.pipeline(transaction=False) as pipe:
                for one in ids:
                    pipe.get(_key(one))
                    pipe.pttl(_key(one))
                found = await pipe.execute()
            known = list(zip(ids, found[::2], found[1::2], strict=True))
            gone = [one for one, text, _ in known if text is None]
            if gone:
                await self._forget(gone)
        return [
            Registered(
                instance=msgspec.json.decode(text, type=Instance),
                expires_in_s=max(0, left_ms) / 1000,
            )
            for _, text, left_ms in known
            if text is not None
        ]

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _forget(self, ids: list[str]) -> None:
        """Take expired ids out of the set, but none that was announced again meanwhile."""
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(*(_key(one) for one in ids))
            present = [await pipe.exists(_key(one)) for one in ids]
            pipe.multi()
            for one, there in zip(ids, present, strict=True):
                if not there:
                    pipe.srem(IDS, one)
            with suppress(WatchError):
                await pipe.execute()


def _key(instance_id: str) -> str:
    return f"{{gateway}}:instance:{instance_id}"


@asynccontextmanager
async def _telling() -> AsyncGenerator[None]:
    """Tell Redis' errors as one of ours."""
    try:
        yield
    except (TimeoutError, RedisError, OSError) as error:
        raise BackendUnavailable(
            f"the registry of services is not reachable: {error}", retry_after_s=2.0
        ) from error
