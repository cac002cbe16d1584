"""Every error leaves as a problem document with a request id."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from livetranslate.domain.errors import Overloaded, SequenceGap, UnsupportedLanguage
from livetranslate.services import problems


class Body(BaseModel):
    amount: int
    tags: list[str] = Field(default=[])


def make_app() -> FastAPI:
    app = FastAPI()
    problems.install(app)

    @app.post("/amount")
    async def amount(body: Body) -> int:
        return body.amount

    @app.get("/fail/{kind}")
    async def fail(kind: str) -> None:
        raise {
            "overloaded": Overloaded("full", field="session", retry_after_s=2.2),
            "gap": SequenceGap(expected_seq=4, got_seq=9),
            "language": UnsupportedLanguage("no pair", available=("en-es",), field="target"),
            "teapot": HTTPException(418, "short and stout", headers={"X-Pot": "1"}),
            "bug": RuntimeError("secret detail"),
        }[kind]

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_an_error_of_ours_states_code_field_and_retry(client: httpx.AsyncClient) -> None:
    answer = await client.get("/fail/overloaded")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "3"
    body = answer.json()
    assert body["code"] == "overloaded"
    assert body["field"] == "session"
    assert body["retry_after_s"] == 2.2
    assert body["retryable"] is True
    assert body["request_id"] == answer.headers["x-request-id"]


async def test_what_an_error_carries_is_in_the_body(client: httpx.AsyncClient) -> None:
    assert (await client.get("/fail/gap")).json()["expected_seq"] == 4
    language = await client.get("/fail/language")
    assert language.status_code == 422
    assert language.json()["available"] == ["en-es"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b'{"amount": "many"}', "amount"),
        (b"{}", "amount"),
        (b'{"amount": 1, "tags": ["a", 2]}', "tags.1"),
        (b"{nonsense", None),
    ],
)
async def test_a_request_that_is_not_valid_names_the_field(
    client: httpx.AsyncClient, content: bytes, field: str | None
) -> None:
    answer = await client.post(
        "/amount", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    body = answer.json()
    assert body["code"] == "invalid_input"
    assert body.get("field") == field
    assert body["errors"][0]["message"]
    assert body["request_id"] == answer.headers["x-request-id"]


async def test_http_errors_keep_status_and_headers(client: httpx.AsyncClient) -> None:
    teapot = await client.get("/fail/teapot")
    assert teapot.status_code == 418
    assert teapot.headers["x-pot"] == "1"
    missing = await client.get("/nowhere")
    assert missing.json()["code"] == "not_found"
    wrong_method = await client.get("/amount")
    assert wrong_method.json()["code"] == "method_not_allowed"
    assert wrong_method.headers["allow"] == "POST"


async def test_a_bug_tells_no_detail_but_the_request_id(client: httpx.AsyncClient) -> None:
    answer = await client.get("/fail/bug", headers={"X-Request-ID": "mine-1"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["code"] == "internal_error"
    assert answer.json()["request_id"] == "mine-1"
    assert answer.headers["x-request-id"] == "mine-1"


async def test_request_ids_are_kept_if_well_formed_and_made_otherwise(
    client: httpx.AsyncClient,
) -> None:
    async def echoed(sent: str | None) -> str:
        headers = {} if sent is None else {"X-Request-ID": sent}
        answer = await client.post("/amount", json={"amount": 1}, headers=headers)
        return answer.headers["x-request-id"]

    assert await echoed("abc-1") == "abc-1"
    assert await echoed("a b\tc") != "a b\tc"
    assert len(await echoed("x" * 500)) == 32
    assert await echoed(None) != await echoed(None)
