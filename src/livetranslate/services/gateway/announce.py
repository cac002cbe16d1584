"""An instance's own part in discovery: it announces itself to orchestration and renews that."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec
import structlog

from livetranslate.settings import Settings

AGAIN_S = 2.0
"""Pause after an announcement that failed."""
TIMEOUT_S = 5.0

TakeBack = Callable[[], Awaitable[None]]

_log = structlog.get_logger(__name__)


class Announcing(msgspec.Struct, frozen=True, kw_only=True):
    """What is announced, and where.

    Attributes:
        orchestrations: Base addresses of orchestration; the first that answers is told.
        service: The service this process serves.
        url: Base address under which orchestration reaches it.
        weight: Its share of the work.
        api_key: For an orchestration that asks for one.
    """

    orchestrations: Sequence[str]
    service: str
    url: str
    weight: int = 1
    api_key: str | None = None


class _Answer(msgspec.Struct):
    id: str
    ttl_s: float


def announcing_of(settings: Settings, service: str, port: int) -> Announcing | None:
    """Return what a role announces, or None if no orchestration is named.

    Without ``ADVERTISED_URL`` it is the host's name, or the address it listens on if that is one.
    """
    if not settings.orchestration_url:
        return None
    url, _, options = (settings.advertised_url or "").partition(";")
    if not url:
        everywhere = settings.host in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
        host = socket.gethostname() if everywhere else settings.host
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return Announcing(
        orchestrations=tuple(one.rstrip("/") for one in settings.orchestration_url),
        service=service,
        url=url.rstrip("/"),
        weight=int(options.removeprefix("weight=") or 1),
        api_key=settings.api_keys[0].get_secret_value() if settings.api_keys else None,
    )


@asynccontextmanager
async def announced(announcing: Announcing | None) -> AsyncGenerator[TakeBack]:
    """Be announced meanwhile; gives what takes it back, to be called before the server stops."""
    if announcing is None:
        yield _nothing
        return
    headers = {"X-API-Key": announcing.api_key} if announcing.api_key else {}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as client:
        announcer = _Announcer(announcing, client)
        try:
            yield announcer.take_back
        finally:
            await announcer.take_back()


async def _nothing() -> None:
    """Take back what was not announced."""


class _Announcer:
    def __init__(self, announcing: Announcing, client: aiohttp.ClientSession) -> None:
        self._announcing = announcing
        self._client = client
        self._known: tuple[str, str] | None = None
        self._told: str | None = None
        self._renewing = asyncio.create_task(self._renew(), name="announce")

    async def _renew(self) -> None:
        """Announce and renew for ever."""
        while True:
            ttl_s = await self._announce()
            await asyncio.sleep(AGAIN_S if ttl_s is None else ttl_s / 3)

    async def take_back(self) -> None:
        """Tell orchestration that this instance stops; once is enough."""
        self._renewing.cancel()
        await asyncio.gather(self._renewing, return_exceptions=True)
        if self._known is None:
            return
        (orchestration, instance_id), self._known = self._known, None
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._client.delete(f"{orchestration}/api/services/{instance_id}"):
                pass

    async def _announce(self) -> float | None:
        """Tell the first orchestration that answers; return how long that holds."""
        reason = ""
        for orchestration in self._announcing.orchestrations:
            try:
                return await self._tell(orchestration)
            except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, ValueError) as error:
                reason = f"{orchestration}: {error or type(error).__name__}"
        if reason != self._told:
            _log.warning("not_announced", service=self._announcing.service, reason=reason)
            self._told = reason
        return None

    async def _tell(self, orchestration: str) -> float:
        said = self._announcing
        body = {"service": said.service, "url": said.url, "weight": said.weight}
        async with self._client.post(
            f"{orchestration}/api/services/register", json=body
        ) as response:
            text = await response.read()
            if response.status >= 400:
                raise ValueError(
                    f"answered {response.status}: {text[:300].decode('utf-8', 'replace')}"
                )
        answer = msgspec.json.decode(text, type=_Answer)
        if self._known is None:
            _log.info("announced", service=said.service, url=said.url, to=orchestration)
        self._known, self._told = (orchestration, answer.id), None
        return answer.ttl_s
