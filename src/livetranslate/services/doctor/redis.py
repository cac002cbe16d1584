"""Whether the configured Redis answers, and keeps what it acknowledged."""

from __future__ import annotations

from typing import Any

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.backbone import redis_place
from livetranslate.services.doctor.findings import Finding, broken, missing, ok
from livetranslate.sessions.redis.connection import RedisConnection, RedisOptions

AREA = "redis"
NAME = "Redis connection"


async def check_redis(url: str | None) -> Finding:
    """Ask Redis how it is; writes nothing.

    Args:
        url: Its address, or None where none is configured.
    """
    if url is None:
        detail = "not configured; for one machine nothing is missing, many share one (REDIS_URL)"
        return ok(AREA, NAME, detail)
    place = redis_place(url)
    connection = RedisConnection(RedisOptions(url=url))
    try:
        server = _fields(await connection.run("INFO", "server"))
        keeping = _fields(await connection.run("INFO", "persistence"))
        memory = _fields(await connection.run("INFO", "memory"))
    except BackendUnavailable as error:
        return broken(
            AREA, NAME, f"{place}: {error.message}", "check REDIS_URL, and whether it runs"
        )
    finally:
        await connection.close()
    detail = f"{place} answers, version {server.get('redis_version', 'unknown')}"
    if memory.get("maxmemory_policy", "noeviction") != "noeviction":
        policy = memory["maxmemory_policy"]
        return broken(
            AREA,
            NAME,
            f"{detail}; it throws live sessions away when it is full ({policy})",
            "redis-cli config set maxmemory-policy noeviction",
        )
    if keeping.get("aof_enabled") != "1":
        return missing(
            AREA,
            NAME,
            f"{detail}; live sessions would not outlive its restart",
            "redis-cli config set appendonly yes",
        )
    return ok(AREA, NAME, f"{detail}, append-only")


def _fields(answer: Any) -> dict[str, str]:
    """Return the fields of an answer to INFO."""
    text = answer.decode() if isinstance(answer, bytes) else str(answer)
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}
