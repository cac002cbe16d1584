"""A local server that speaks OpenAI's chat protocol and translates by a small dictionary.

What it answers depends on the messages it gets: terms that the system message names are used, and
what was said before decides over ambiguous words. Its ``mode`` makes it misbehave.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from support.toy_translation_models import ENGLISH_SPANISH

LOGPROB = -0.1


class OpenAIServer:
    """State of the server.

    Attributes:
        mode: ``normal``, ``error``, ``slow``, ``malformed``, ``empty``, ``cut``, ``quoted``,
            ``no_logprobs``, ``refuses_logprobs`` or ``hangs_up``.
        models: Ids it lists.
        key: Bearer key it wants, if any.
        requests: Bodies of the chat requests so far.
    """

    def __init__(self) -> None:
        self.mode = "normal"
        self.models = ["text-embedding-3", "tiny-chat"]
        self.key: str | None = None
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    async def list_models(self, request: web.Request) -> web.Response:
        if refused := self._refuse(request):
            return refused
        data = [{"id": name, "object": "model"} for name in self.models]
        return web.json_response({"object": "list", "data": data})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if refused := self._refuse(request):
            return refused
        if self.mode == "error":
            return web.json_response({"error": {"message": "overheated"}}, status=500)
        if self.mode == "slow":
            await asyncio.Event().wait()
        if self.mode == "malformed":
            return web.Response(text='{"choices": [', content_type="application/json")
        if self.mode == "hangs_up":
            self.mode = "normal"
            assert request.transport is not None
            request.transport.close()
        if self.mode == "refuses_logprobs" and "logprobs" in body:
            message = {"message": "logprobs is not supported", "param": "logprobs"}
            return web.json_response({"error": message}, status=400)
        return web.json_response(self._completion(body))

    def _refuse(self, request: web.Request) -> web.Response | None:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        return None

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        system, user = (message["content"] for message in body["messages"])
        text = "" if self.mode == "empty" else _translate(user, system)
        if self.mode == "quoted":
            text = f'<think>hm "what"</think>\n"{text}"'
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "length" if self.mode == "cut" else "stop",
        }
        if body.get("logprobs") and self.mode != "no_logprobs":
            tokens = [{"token": word, "logprob": LOGPROB} for word in text.split()]
            choice["logprobs"] = {"content": tokens}
        return {"id": "c-1", "object": "chat.completion", "choices": [choice]}


def _translate(text: str, system: str) -> str:
    words = dict(ENGLISH_SPANISH)
    if " want to" in system:
        words["book"] = "reservar"
    words |= dict(re.findall(r"^- (\w+) = (.+)$", system.lower(), re.MULTILINE))
    return re.sub(r"\w+", lambda match: words.get(match[0].lower(), match[0]), text)


@asynccontextmanager
async def openai_server() -> AsyncIterator[OpenAIServer]:
    """Run the server on a free port."""
    state = OpenAIServer()
    app = web.Application()
    app.router.add_get("/v1/models", state.list_models)
    app.router.add_post("/v1/chat/completions", state.complete)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.01)
    state.url = str(server.make_url("/v1"))
    try:
        yield state
    finally:
        await server.close()
