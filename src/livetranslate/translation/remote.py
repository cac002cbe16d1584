"""Translation by another machine: the HTTP client of port 5003."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from livetranslate.domain.errors import (
    BackendUnavailable,
    InvalidInput,
    LiveTranslateError,
    SequenceGap,
    UnsupportedLanguage,
    error_types,
)
from livetranslate.translation.base import Translation, TranslationRequest


class RemoteOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where translation services are.

    Attributes:
        urls: Base URLs, such as ``http://localhost:5003``; the next one takes over when one fails.
        timeout_s: Seconds for an answer of one of them.
        patience_s: Seconds for which a service that has answered may be away, as it is while it is
            restarted: calls wait for it so long, and fail only then.
        api_key: Key that the services ask for, if they do.
    """

    urls: tuple[str, ...]
    timeout_s: float = 30.0
    patience_s: float = 0.0
    api_key: str | None = None


AGAIN_S = 0.25
"""Pause before services that are away are asked again."""


class _Answer(msgspec.Struct):
    translations: list[Translation]


class _Away(Exception):
    """A service gave no answer at all."""


class RemoteTranslator:
    """Translates over HTTP; its errors are those that the service raised.

    It stays with the service that answered last and goes to the next one when that fails.
    Translating twice does no harm, so a call whose fate is unknown is repeated elsewhere, and
    here again while all are away for no longer than they may. One that never answered, or was away
    for longer, is waited for by no call.
    """

    def __init__(self, options: RemoteOptions) -> None:
        if not options.urls:
            raise InvalidInput("no translation service is configured", field="urls")
        self._urls = [url.rstrip("/") for url in options.urls]
        self._timeout = aiohttp.ClientTimeout(total=options.timeout_s)
        self._patience_s = options.patience_s
        self._headers = {"X-API-Key": options.api_key} if options.api_key else {}
        self._away_since: float | None = -math.inf
        self._current = 0
        self._session: aiohttp.ClientSession | None = None

    async def translate(self, request: TranslationRequest) -> list[Translation]:
        """Return one translation a text, in order; see ``Translator``."""
        if not request.texts:
            return []
        body = msgspec.to_builtins(request)
        while True:
            try:
                return await self._ask_all(body, len(request.texts))
            except _Away as error:
                if not self._may_wait():
                    raise BackendUnavailable(str(error)) from None
            await asyncio.sleep(AGAIN_S)

    def _may_wait(self) -> bool:
        """Return whether services that are all away have not been so for too long."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        return now - self._away_since < self._patience_s

    async def _ask_all(self, body: dict[str, Any], texts: int) -> list[Translation]:
        """Ask one service after the other; raise ``_Away`` if none says anything."""
        failures: list[str] = []
        refused = False
        first = self._current
        for step in range(len(self._urls)):
            index = (first + step) % len(self._urls)
            try:
                answer = await self._post(self._urls[index], body)
            except _Away as error:
                failures.append(str(error))
                continue
            except BackendUnavailable as error:
                failures.append(error.message)
                refused = True
                continue
            self._current = index
            if len(answer) != texts:
                raise BackendUnavailable(
                    f"{self._urls[index]} answered {len(answer)} translations to {texts} texts"
                )
            return answer
        told = "no translation service answers: " + "; ".join(failures)
        raise BackendUnavailable(told) if refused else _Away(told)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: str, body: dict[str, Any]) -> list[Translation]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        try:
            async with self._session.post(f"{url}/api/translate", json=body) as response:
                data = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            reason = str(error) or type(error).__name__
            raise _Away(f"{url}: {reason}") from error
        self._away_since = None
        if status != 200:
            raise error_from_problem(data, status, url)
        try:
            return msgspec.json.decode(data, type=_Answer).translations
        except msgspec.DecodeError as error:
            raise BackendUnavailable(f"{url} answers no translations: {error}") from error


class _Problem(msgspec.Struct):
    detail: str = ""
    code: str = ""
    field: str | None = None
    retry_after_s: float | None = None
    available: Sequence[str] = ()


def error_from_problem(data: bytes, status: int, url: str) -> LiveTranslateError:
    """Return the error that a service told by a problem document (RFC 9457).

    Args:
        data: Body of the answer.
        status: HTTP status; of 500 or more without a document, the service counts as away.
        url: The service, for the message.
    """
    try:
        problem = msgspec.json.decode(data, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    kind = error_types().get(problem.code)
    detail = problem.detail or f"{url} answers with status {status}"
    if kind is UnsupportedLanguage:
        return UnsupportedLanguage(detail, available=tuple(problem.available), field=problem.field)
    if kind is None or kind is SequenceGap or status >= 500 and kind.status != status:
        kind = BackendUnavailable if status >= 500 or status < 400 else InvalidInput
    return kind(detail, field=problem.field, retry_after_s=problem.retry_after_s)
