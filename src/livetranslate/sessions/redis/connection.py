"""Commands to Redis that go out together, and calls that wake whoever waits for a key to change.

Commands given within one turn of the event loop, and those that come while others are on their
way, leave as one pipeline; so a thousand sessions cost few round trips, and the order in which one
caller gives them is kept. Redis is not needed for this object to exist: while it is away every
command raises ``BackendUnavailable``, and the next one tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import msgspec
import redis.asyncio as redis
import structlog
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.sessions.redis.scripts import Script

_log = structlog.get_logger(__name__)

Argument = str | bytes | int | float
"""What a command is made of."""

_PASSING = (OutOfMemoryError, ReadOnlyError, MasterDownError, ClusterDownError, TryAgainError)
"""Refusals that pass; their codes are no part of the errors' texts."""

PASSING = (
    "OOM",
    "LOADING",
    "READONLY",
    "MISCONF",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "NOREPLICAS",
    "BUSY ",
)
"""Refusals of a server that may take the same command later."""

PIPELINE = 512
"""Commands that leave together at most."""


class RedisOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where Redis is, and for how long it may be silent.

    Attributes:
        url: ``redis://``, ``rediss://`` or ``unix://`` address, with credentials if any.
        connect_timeout_s: For a new connection.
        answer_timeout_s: For the answers to one pipeline.
        reconnect_s: Pause before the wake-up connection is tried again.
    """

    url: str
    connect_timeout_s: float = 3.0
    answer_timeout_s: float = 5.0
    reconnect_s: float = 0.25


class RedisConnection:
    """This process's commands and wake-up calls; to be used from one event loop.

    Args:
        options: Where Redis is.
    """

    def __init__(self, options: RedisOptions) -> None:
        self._options = options
        self._client = _client(options)
        self._hearing = _client(options)
        # Answers are taken as they come.
        self._client.response_callbacks.clear()
        self._waiting: list[tuple[tuple[Argument, ...], asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None
        self._closed = False
        self._failure: str | None = None

    @property
    def failure(self) -> str | None:
        """Why the newest command did not reach Redis, or None if it did."""
        return self._failure

    async def run(self, *command: Argument) -> Any:
        """Return Redis's answer to a command.

        Raises:
            BackendUnavailable: Redis cannot be reached, or is full; whether the command was
                carried out is not known.
            ResponseError: Redis refuses the command.
        """
        if self._closed:
            raise BackendUnavailable("the connection to Redis is closed")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(), name="redis commands")
        return await answer

    async def script(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:
        """Run a script, which is sent itself only if Redis does not know it."""
        numbered = (len(keys), *keys, *arguments)
        try:
            return await self.run("EVALSHA", script.sha, *numbered)
        except NoScriptError:
            return await self.run("EVAL", script.source, *numbered)

    def pubsub(self) -> PubSub:
        """Return a new connection that hears channels."""
        return self._hearing.pubsub()

    @property
    def reconnect_s(self) -> float:
        """Pause before a lost connection that waits for Redis is tried again."""
        return self._options.reconnect_s

    async def close(self) -> None:
        """Close every connection; commands that wait fail."""
        self._closed = True
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        self._fail(self._waiting, BackendUnavailable("the connection to Redis is closed"))
        for client in (self._client, self._hearing):
            with suppress(RedisError, OSError):
                await client.aclose()

    async def _send(self) -> None:
        """Send what waits, one pipeline after the other, until nothing does."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:PIPELINE], self._waiting[PIPELINE:]
                try:
                    await self._send_together(batch)
                finally:
                    # Cut off in the middle: nobody is left waiting.
                    self._fail(batch, BackendUnavailable("the command to Redis was given up"))
        finally:
            self._sending = None

    async def _send_together(
        self, batch: Sequence[tuple[tuple[Argument, ...], asyncio.Future[Any]]]
    ) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for command, _ in batch:
            pipeline.execute_command(*command)
        try:
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            if self._failure is None:
                _log.warning("redis_unreachable", reason=_reason(error))
            self._failure = _reason(error)
            self._fail(batch, BackendUnavailable(f"Redis cannot be reached: {self._failure}"))
            return
        except Exception:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            _log.exception("redis_commands_failed")
            self._fail(batch, BackendUnavailable("the commands to Redis failed; the log says why"))
            return
        if self._failure is not None:
            _log.info("redis_reachable")
            self._failure = None
        for (_, answer), result in zip(batch, answers, strict=True):
            if answer.done():
                continue
            if isinstance(result, Exception):
                answer.set_exception(_refusal(result))
            else:
                answer.set_result(result)

    def _fail(
        self,
        batch: Sequence[tuple[tuple[Argument, ...], asyncio.Future[Any]]],
        error: BackendUnavailable,
    ) -> None:
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(error)


def _client(options: RedisOptions) -> Any:
    """Return a client with connections of its own, which repeats nothing by itself."""
    return cast(Any, redis.Redis).from_url(
        options.url,
        socket_connect_timeout=options.connect_timeout_s,
        socket_timeout=options.answer_timeout_s,
        retry=Retry(NoBackoff(), 0),
        protocol=3,
    )


def _refusal(error: Exception) -> Exception:
    """Return the error for an answer: a server that is full, loading or read-only is away."""
    if isinstance(error, NoScriptError):
        return error
    text = str(error)
    passing = isinstance(error, OutOfMemoryError | ReadOnlyError) or text.startswith(PASSING)
    if passing or not isinstance(error, ResponseError):
        return BackendUnavailable(f"Redis takes nothing now: {text.partition(' script:')[0]}")
    return error


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
