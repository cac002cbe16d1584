"""Translation by another machine: the HTTP client of port 5003."""

from __future__ import annotations

import asyncio
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
    """

    urls: tuple[str, ...]
    timeout_s: float = 30.0


class _Answer(msgspec.Struct):
    translations: list[Translation]


class RemoteTranslator:
    """Translates over HTTP; its errors are those that the service raised.

    It stays with the service that answered last and goes to the next one when that fails.
    Translating twice does no harm, so a call whose fate is unknown is repeated elsewhere.
    """

    def __init__(self, options: RemoteOptions) -> None:
        if not options.urls:
            raise InvalidInput("no translation service is configured", field="urls")
        self._urls = [url.rstrip("/") for url in options.urls]
        self._timeout = aiohttp.ClientTimeout(total=options.timeout_s)
        self._current = 0
        self._session: aiohttp.ClientSession | None = None

    async def translate(self, request: TranslationRequest) -> list[Translation]:
        """Return one translation a text, in order; see ``Translator``."""
        if not request.texts:
            return []
        body = msgspec.to_builtins(request)
        failures: list[str] = []
        first = self._current
        for step in range(len(self._urls)):
            index = (first + step) % len(self._urls)
            try:
                answer = await self._post(self._urls[index], body)
            except BackendUnavailable as error:
                failures.append(error.message)
                continue
            self._current = index
            if len(answer) != len(request.texts):
                raise BackendUnavailable(
                    f"{self._urls[index]} answered {len(answer)} translations to "
                    f"{len(request.texts)} texts"
                )
            return answer
        raise BackendUnavailable("no translation service answers: " + "; ".join(failures))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: str, body: dict[str, Any]) -> list[Translation]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        try:
            async with self._session.post(f"{url}/api/translate", json=body) as response:
                data = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            reason = str(error) or type(error).__name__
            raise BackendUnavailable(f"{url}: {reason}") from error
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
