"""Chat models behind OpenAI's HTTP API: vLLM, llama.cpp, Triton's OpenAI front end, clouds."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import aiohttp
import msgspec

from livetranslate.domain.errors import BackendUnavailable, ModelUnavailable
from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.engines.base import EngineOutput, EngineStatus
from livetranslate.translation.engines.openai_prompt import (
    chat_messages,
    read_completion,
    refused_parameter,
)
from livetranslate.translation.options import TranslationOptions

NAME = "openai_compatible"
_PARALLEL = 4
_NO_CHAT = re.compile(r"embed|whisper|tts|rerank|moderation|dall-e|image|transcribe|audio", re.I)


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class OpenAICompatibleEngine:
    """Any pair that the served model knows; glossary and context are part of the prompt."""

    name = NAME
    takes_glossary = True
    max_chars = 4000

    def __init__(self, options: TranslationOptions) -> None:
        self._base = (options.openai_base_url or "").rstrip("/")
        self._key = options.openai_api_key
        self._wanted = options.openai_model
        self._timeout_s = options.openai_timeout_s
        self._model: str | None = None
        self._refused: set[str] = set()
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(_PARALLEL)

    def has_pair(self, source: str, target: str) -> bool:
        """Return whether a server is configured; a language model takes any pair."""
        return bool(self._base)

    def sources_for(self, target: str) -> frozenset[str] | None:
        """Return None (any language) if a server is configured."""
        return None if self._base else frozenset()

    async def status(self) -> EngineStatus:
        """Ask the server which models it has."""
        if not self._base:
            return EngineStatus(
                engine=NAME,
                available=False,
                reason="no server is configured",
                remedy="set OPENAI_BASE_URL to an OpenAI-compatible server, such as "
                "http://localhost:8000/v1, and OPENAI_API_KEY if it wants one",
            )
        try:
            async with asyncio.timeout(self._timeout_s):
                served = await self._served_models()
                model = self._choose(served)
        except (BackendUnavailable, ModelUnavailable, TimeoutError) as error:
            return EngineStatus(
                engine=NAME,
                available=False,
                reason=str(error) or f"{self._base} does not answer in {self._timeout_s:g} s",
                remedy="start the server, or correct OPENAI_BASE_URL, OPENAI_API_KEY and "
                "TRANSLATION_MODEL",
                any_language=True,
            )
        return EngineStatus(
            engine=NAME,
            available=True,
            reason=f"{self._base} serves {model}",
            any_language=True,
            models=tuple(served) or (model,),
            device="remote",
        )

    async def translate(self, request: TranslationRequest) -> list[EngineOutput]:
        """Ask for each text, some at a time."""
        return list(await asyncio.gather(*(self._one(request, text) for text in request.texts)))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _one(self, request: TranslationRequest, text: str) -> EngineOutput:
        if not text.strip():
            return EngineOutput(text=text, confidence=None, engine=NAME)
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout_s):
                    if self._model is None:
                        self._model = self._choose(await self._served_models())
                    translated, confidence = await self._complete(request, text, self._model)
            except TimeoutError as error:
                raise BackendUnavailable(
                    f"{self._base} did not answer in {self._timeout_s:g} s"
                ) from error
        return EngineOutput(text=translated, confidence=confidence, engine=NAME)

    async def _complete(
        self, request: TranslationRequest, text: str, model: str
    ) -> tuple[str, float | None]:
        while True:
            optional: dict[str, Any] = {"temperature": 0, "logprobs": True}
            body: dict[str, Any] = {
                "model": model,
                "messages": chat_messages(request, text.strip()),
                "stream": False,
                **{name: value for name, value in optional.items() if name not in self._refused},
            }
            status, data = await self._call("POST", "/chat/completions", body)
            if status == 200:
                return read_completion(data, text)
            refused = refused_parameter(data, body) if status in (400, 422) else None
            if refused is None:
                self._model = None  # it may have been replaced by another one
                raise BackendUnavailable(f"{self._base} answers with status {status}")
            self._refused.add(refused)

    async def _served_models(self) -> list[str]:
        """Return what the server lists; empty if it lists nothing. Finds a missing ``/v1``."""
        status, data = await self._call("GET", "/models", None)
        if status == 404 and not self._base.endswith("/v1"):
            status, data = await self._call("GET", "/v1/models", None)
            if status == 200:
                self._base += "/v1"
        if status == 404:
            return []
        if status != 200:
            raise BackendUnavailable(f"{self._base}/models answers with status {status}")
        try:
            return [model.id for model in msgspec.json.decode(data, type=_Models).data]
        except msgspec.DecodeError as error:
            raise BackendUnavailable(f"{self._base}/models is no list of models") from error

    def _choose(self, served: list[str]) -> str:
        if self._wanted:
            if served and self._wanted not in served:
                raise ModelUnavailable(
                    f"{self._base} does not serve {self._wanted}; it serves {', '.join(served)}",
                    field="openai_model",
                )
            return self._wanted
        for model in served:
            if not _NO_CHAT.search(model):
                return model
        raise ModelUnavailable(
            f"{self._base} lists no chat model; name one by TRANSLATION_MODEL",
            field="openai_model",
        )

    async def _call(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        """Return status and body; a connection that the server had closed is tried anew once."""
        for last_try in (False, True):
            try:
                async with self._connections().request(
                    method, self._base + path, json=body
                ) as response:
                    return response.status, await response.read()
            except aiohttp.ServerDisconnectedError as error:
                if last_try:
                    raise BackendUnavailable(f"{self._base} closes the connection") from error
            except (aiohttp.ClientError, ValueError) as error:
                raise BackendUnavailable(
                    f"{self._base} cannot be reached: {str(error) or type(error).__name__}"
                ) from error
        raise AssertionError("unreachable")

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            self._session = aiohttp.ClientSession(
                headers=headers, timeout=aiohttp.ClientTimeout(total=None)
            )
        return self._session
