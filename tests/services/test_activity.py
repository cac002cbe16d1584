"""The activity log: newest first, by level, in pages, with nothing in it that is not for a page."""

from __future__ import annotations

import httpx
import pytest
import structlog
from fastapi import FastAPI

from livetranslate.services import problems
from livetranslate.services.activity import MAX_CHARS, ActivityLog
from livetranslate.services.api.logs import logs_router


@pytest.fixture
def activity() -> ActivityLog:
    return ActivityLog(max_lines=6)


@pytest.fixture
def log(activity: ActivityLog) -> structlog.BoundLogger:
    return structlog.wrap_logger(
        structlog.ReturnLogger(),
        processors=[structlog.processors.add_log_level, activity.note],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )


@pytest.fixture
async def client(activity: ActivityLog) -> httpx.AsyncClient:
    app = FastAPI()
    problems.install(app)
    app.include_router(logs_router(activity))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


async def test_lines_come_newest_first_by_level_and_in_pages(
    log: structlog.BoundLogger, client: httpx.AsyncClient
) -> None:
    for number in range(4):
        log.info("looked", number=number)
        log.warning("warned", number=number)
    answer = (await client.get("/api/logs", params={"limit": 2})).json()
    assert [(one["event"], one["fields"]["number"]) for one in answer["logs"]] == [
        ("warned", 3),
        ("looked", 3),
    ]
    more = (
        await client.get("/api/logs", params={"limit": 9, "cursor": answer["next_cursor"]})
    ).json()
    assert [one["fields"]["number"] for one in more["logs"]] == [2, 2, 1, 1]
    assert more["next_cursor"] is None
    warned = (await client.get("/api/logs", params={"level": "warning"})).json()["logs"]
    assert [one["fields"]["number"] for one in warned] == [3, 2, 1]


async def test_long_values_are_cut_and_traces_left_out(
    log: structlog.BoundLogger, client: httpx.AsyncClient
) -> None:
    said = "what was said"
    try:
        raise ValueError(said)
    except ValueError as error:
        log.error("failed", exc_info=error, text="x" * 1000, session_id="s1")
    [line] = (await client.get("/api/logs")).json()["logs"]
    assert line["level"] == "error"
    assert line["fields"]["error"] == "ValueError"
    assert len(line["fields"]["text"]) == MAX_CHARS + 1
    assert said not in str(line)


async def test_a_wrong_level_or_cursor_is_told(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/logs", params={"level": "loud"})).status_code == 422
    answer = await client.get("/api/logs", params={"cursor": "x"})
    assert (answer.status_code, answer.json()["field"]) == (400, "cursor")
