"""``livetranslate pool`` on a Redis of the tests' own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from io import StringIO
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from livetranslate.domain.errors import NotFound
from livetranslate.domain.events import SessionEnded, SessionError
from livetranslate.domain.session import SessionConfig
from livetranslate.services.backbone import SharedBackbone
from livetranslate.services.cli.app import run
from livetranslate.sessions.log.base import DeadLetter
from livetranslate.settings import load_settings
from support.redis_server import RedisServer
from support.reports import worker_report

T = TypeVar("T")


def meanwhile(redis: RedisServer, work: Callable[[SharedBackbone], Awaitable[T]]) -> T:
    """Do something as another process of the installation."""

    async def main() -> T:
        backbone = SharedBackbone(load_settings(redis_url=redis.url))
        try:
            return await work(backbone)
        finally:
            await backbone.close()

    return asyncio.run(main())


def answer(capsys: pytest.CaptureFixture[str], redis: RedisServer, *arguments: str) -> Any:
    capsys.readouterr()
    with capture_logs():  # which go to standard error in the program
        assert run(["pool", *arguments, "--redis", redis.url, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def shown(capsys: pytest.CaptureFixture[str], redis: RedisServer, *arguments: str) -> str:
    capsys.readouterr()
    assert run(["pool", *arguments, "--redis", redis.url]) == 0
    return capsys.readouterr().out


@pytest.fixture
def three(redis: RedisServer) -> RedisServer:
    """One session that a worker has, and two that wait."""

    async def work(backbone: SharedBackbone) -> None:
        for name in ("running", "first", "second"):
            await backbone.log.create(name, SessionConfig())
        assert await backbone.log.claim("w1") is not None
        await backbone.log.append_audio("first", 0, bytes(32_000))
        await backbone.desk.report(worker_report("w1"))

    meanwhile(redis, work)
    return redis


def test_the_queue_is_told_in_its_order(three: RedisServer, capsys: pytest.CaptureFixture[str]):
    told = answer(capsys, three, "queue")
    assert [(one["position"], one["session_id"], one["state"]) for one in told] == [
        (1, "first", "waiting"),
        (2, "second", "waiting"),
        (None, "running", "running"),
    ]
    assert [one["worker_id"] for one in told] == [None, None, "w1"]
    assert [one["epoch"] for one in told] == [0, 0, 1]
    assert [one["backlog_s"] for one in told] == [1.0, 0.0, 0.0]
    text = shown(capsys, three, "queue")
    assert "first" in text and "2 waiting, 1 with a worker" in text


def test_workers_are_told_by_their_reports(three: RedisServer, capsys: pytest.CaptureFixture[str]):
    (told,) = answer(capsys, three, "workers")
    assert told["report"]["worker_id"] == "w1" and told["age_s"] >= 0
    assert "w1" in shown(capsys, three, "workers")


def test_clearing_ends_what_waits_and_tells_why(
    three: RedisServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    assert run(["pool", "clear", "--redis", three.url]) == 1
    assert "first" in capsys.readouterr().err
    assert len(answer(capsys, three, "queue")) == 3

    assert answer(capsys, three, "clear", "--yes") == {"cleared": ["first", "second"]}
    assert [one["session_id"] for one in answer(capsys, three, "queue")] == ["running"]
    error, ended = meanwhile(three, lambda backbone: backbone.log.read_events("first", 0))
    assert isinstance(error, SessionError) and "cleared the queue" in error.message
    assert isinstance(ended, SessionEnded) and ended.statistics.audio_s == 1.0
    assert answer(capsys, three, "clear", "--yes") == {"cleared": []}
    assert "nothing was cleared" in shown(capsys, three, "clear")


def test_dead_letters_are_told(redis: RedisServer, capsys: pytest.CaptureFixture[str]):
    letter = DeadLetter(
        session_id="s1", at=1e9, code="internal_error", reason="it cost 10 workers", attempts=10
    )
    meanwhile(redis, lambda backbone: backbone.log.bury(letter))
    (told,) = answer(capsys, redis, "dead")
    assert (told["session_id"], told["attempts"]) == ("s1", 10)
    assert "it cost 10 workers" in shown(capsys, redis, "dead")


def test_what_is_empty_says_so(redis: RedisServer, capsys: pytest.CaptureFixture[str]):
    assert "No session is live" in shown(capsys, redis, "queue")
    assert "livetranslate serve worker" in shown(capsys, redis, "workers")
    assert "No session was given up" in shown(capsys, redis, "dead")
    assert [answer(capsys, redis, name) for name in ("queue", "workers", "dead")] == [[], [], []]


def test_an_unknown_worker_is_told_with_those_there_are(
    three: RedisServer, capsys: pytest.CaptureFixture[str]
):
    assert run(["pool", "drain", "w7", "--redis", three.url]) == 1
    error = capsys.readouterr().err
    assert "w7" in error and "there are: w1" in error
    assert NotFound.__name__ not in error


def test_without_redis_it_says_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert run(["pool", "queue", "--redis", "redis://:a-secret@127.0.0.1:1/0"]) == 1
    error = capsys.readouterr().err
    assert "127.0.0.1:1" in error and "REDIS_URL" in error and "a-secret" not in error
    monkeypatch.setenv("REDIS_URL", "off")
    assert run(["pool", "workers"]) == 1
    assert "REDIS_URL" in capsys.readouterr().err
    assert run(["pool", "queue", "--redis", "http://somewhere"]) == 1
    assert "redis://" in capsys.readouterr().err
