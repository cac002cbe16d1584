"""A running installation: two instances, a worker elsewhere, a live session, and a change."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets

from support.distributed import Distributed
from support.parts import Part
from support.redis_server import redis_server
from support.sound import s16
from support.speech import recording

SPEECH = s16(recording("en_25").audio)
CHUNK = 3200


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Configuration files of two machines; only the first has one at the start."""
    folder = tmp_path_factory.mktemp("machines")
    one = folder / "one.yaml"
    one.write_text("# The first machine.\naudio:\n  preset: meeting  # usual\n")
    return one, folder / "two.yaml"


@pytest.fixture(scope="module")
def installation(
    files: tuple[Path, Path], whisper_fixture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Distributed]:
    folder = tmp_path_factory.mktemp("configured")
    with redis_server() as redis:
        made = Distributed(
            folder,
            redis,
            f"sqlite+aiosqlite:///{folder}/shared.db",
            {
                "WHISPER_MODEL": str(whisper_fixture),
                "GATEWAY_TIMEOUT": "25",
                "AUTO_RECOVERY": "false",
            },
        )
        for file in files:
            made.orchestration(LIVETRANSLATE_CONFIG=str(file))
        made.worker()
        try:
            yield made.start()
        finally:
            made.stop()


class Session:
    """A live session as its client sees it.

    Attributes:
        events: What the server sent.
    """

    def __init__(self, socket: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self._socket = socket
        self._at = 0

    async def until(self, kind: str, after: int = 0) -> dict[str, Any]:
        """The first event of a kind behind so many events."""
        async with asyncio.timeout(60):
            while True:
                for event in self.events[after:]:
                    if event["type"] == kind:
                        return event
                self.events.append(json.loads(await self._socket.recv()))

    async def speak(self, chunks: int = 1) -> None:
        """Send the next pieces of 100 ms, and see that they are safe."""
        for _ in range(chunks):
            begin = self._at * CHUNK % (len(SPEECH) - CHUNK)
            await self._socket.send(SPEECH[begin : begin + CHUNK])
            self._at += 1

    async def speak_until(self, kind: str, after: int = 0) -> dict[str, Any]:
        """Speak on, about as fast as people do, until there is an event of a kind."""
        async with asyncio.timeout(90):
            while True:
                await self.speak()
                try:
                    async with asyncio.timeout(0.2):
                        return await self.until(kind, after)
                except TimeoutError:
                    continue

    async def end(self, session_id: str) -> None:
        await self._socket.send(json.dumps({"type": "end_session", "session_id": session_id}))
        await self.until("session_ended")


@asynccontextmanager
async def session(url: str, session_id: str, **config: Any) -> AsyncIterator[Session]:
    async with websockets.connect(url) as socket:
        made = Session(socket)
        wanted = {"type": "start_session", "session_id": session_id, "config": config}
        await socket.send(json.dumps(wanted))
        await made.until("session_started")
        yield made


def ask(part: Part, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """The status and JSON of a GET, or of a POST with a body."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(part.url + path, data=data, headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


async def fetch(part: Part, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    return await asyncio.to_thread(ask, part, path, body, **headers)


async def until(part: Part, fits: Callable[[Any], bool], path: str = "/api/audio/config") -> Any:
    async with asyncio.timeout(30):
        while True:
            _, answer = await fetch(part, path)
            if fits(answer):
                return answer
            await asyncio.sleep(0.02)


async def test_a_preset_changed_in_one_file_is_in_the_next_chunk_of_the_others_session(
    installation: Distributed, files: tuple[Path, Path]
) -> None:
    """The worker enhances by what the other instance's file says; a wrong file changes nothing."""
    one, two = installation.orchestrations
    async with session(installation.websockets[1], "live", language="en") as live:
        await live.speak(10)
        await live.until("audio_ack")
        before = len(live.events)

        text = "# The first machine.\naudio:\n  preset: noisy  # loud today\n"
        files[0].write_text(text)
        told = await until(two, lambda answer: answer["preset"] == "noisy")
        updated = await live.speak_until("session_updated", before)
        assert updated["audio"]["preset"] == "noisy"
        assert updated["audio"]["parameters"]["noise_reduction"]["enabled"] is True
        assert updated["config"] == {} and updated["needs_new_session"] == []

        files[0].write_text(
            "audio:\n  preset: deafening\n  parameters: {limiter: {ceiling_dbfs: 40}}\n"
            "gateway: {retries: -1}\n"
        )
        health = await until(one, lambda answer: answer["configuration"]["refused"], "/api/health")
        refused = {each["field"]: each["message"] for each in health["configuration"]["refused"]}
        assert set(refused) == {
            "audio.preset",
            "audio.parameters.limiter.ceiling_dbfs",
            "gateway.retries",
        }
        assert "noisy" in refused["audio.preset"]
        alerts = await until(
            one,
            lambda answer: [each for each in answer["alerts"] if each["rule"] == "configuration"],
            "/api/alerts",
        )
        assert "audio.preset" in json.dumps(alerts)
        events = len(live.events)
        await live.speak(5)
        await live.until("audio_ack", events)
        for part in (one, two):
            _, audio = await fetch(part, "/api/audio/config")
            assert (audio["preset"], audio["version"]) == ("noisy", told["version"])
        status, problem = await fetch(one, "/api/audio/config", {"preset": "broadcast"})
        assert status == 409 and "mend it first" in problem["detail"]
        files[0].write_text(text)
        await until(one, lambda answer: not answer["configuration"]["refused"], "/api/health")
        await live.end("live")
    updates = [event for event in live.events if event["type"] == "session_updated"]
    assert len(updates) == 1


async def test_a_change_over_rest_reaches_every_process_and_every_file(
    installation: Distributed, files: tuple[Path, Path]
) -> None:
    one, two = installation.orchestrations
    async with session(installation.websockets[0], "rest", language="en") as live:
        await live.speak(3)
        await live.until("audio_ack")
        version = (await fetch(two, "/api/audio/config"))[1]["version"]
        change = {
            "version": version,
            "preset": "hall",
            "presets": {"hall": {"base": "broadcast", "limiter": {"ceiling_dbfs": -5}}},
        }
        status, answer = await fetch(two, "/api/audio/config", change)
        assert status == 200, answer
        assert answer["preset"] == "hall" and answer["in_force"]["limiter"]["ceiling_dbfs"] == -5
        assert answer["needs_restart"] == [] and answer["kept_in_file"]
        status, answer = await fetch(one, "/api/audio/config", change)
        assert status == 409 and answer["field"] == "version"

        updated = await live.speak_until("session_updated")
        assert updated["audio"]["preset"] == "hall"
        assert updated["audio"]["parameters"]["limiter"]["ceiling_dbfs"] == -5
        await live.end("rest")
    await until(one, lambda answer: answer["preset"] == "hall")
    async with asyncio.timeout(30):
        while True:
            if "hall" in files[0].read_text():
                break
            await asyncio.sleep(0.02)
    assert "# The first machine." in files[0].read_text()
    assert "ceiling_dbfs: -5" in files[1].read_text()


async def test_every_reason_is_told_and_what_waits_for_a_restart(
    installation: Distributed, files: tuple[Path, Path]
) -> None:
    one, two = installation.orchestrations
    before = (await fetch(one, "/api/audio/config"))[1]
    wrong = {
        "gateway": {"timeout": 3, "retries": -1, "circuit_breaker_threshold": 0},
        "audio": {"parameters": {"chunking": {"overlap_duration": 20}, "echo": {}}},
        "frontend.port": 70000,
        "nothing": 1,
    }
    status, problem = await fetch(one, "/api/settings", wrong)
    assert status == 422
    reasons = {each["field"]: each["message"] for each in problem["errors"]}
    assert set(reasons) == {
        "gateway.timeout",
        "gateway.retries",
        "gateway.circuit_breaker_threshold",
        "audio.parameters.chunking.overlap_duration",
        "audio.parameters.echo",
        "frontend.port",
        "nothing",
    }
    assert "GATEWAY_TIMEOUT" in reasons["gateway.timeout"]
    assert (await fetch(one, "/api/audio/config"))[1] == before

    change = {"CIRCUIT_BREAKER_THRESHOLD": 9, "websocket": {"connection_timeout": 900}}
    status, answer = await fetch(one, "/api/config", change)
    assert status == 200, answer
    assert answer["applied"] == ["gateway.circuit_breaker_threshold"]
    assert answer["needs_restart"] == ["websocket.connection_timeout"]
    settings = await until(
        two, lambda answer: answer["version"] > before["version"], "/api/settings"
    )
    found = {each["name"]: each for each in settings["settings"]}
    assert found["CIRCUIT_BREAKER_THRESHOLD"]["value"] == 9
    assert found["WEBSOCKET_TIMEOUT"]["running"] == 1800
    assert found["REDIS_URL"] | {"help": ""} == {
        "name": "REDIS_URL",
        "path": None,
        "value": None,
        "is_set": True,
        "secret": True,
        "source": "environment",
        "applies": "restart",
        "running": None,
        "help": "",
    }


async def test_an_unchanged_configuration_is_not_sent_again(installation: Distributed) -> None:
    one, _ = installation.orchestrations
    for path in ("/api/config", "/api/settings", "/api/audio/config"):

        def get(path: str = path, tag: str = "") -> tuple[int, str]:
            request = urllib.request.Request(one.url + path, headers={"If-None-Match": tag})
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, answer.headers["ETag"]
            except urllib.error.HTTPError as error:
                return error.code, error.headers["ETag"]

        status, tag = await asyncio.to_thread(get)
        assert status == 200
        assert await asyncio.to_thread(get, path, tag) == (304, tag)
        status, problem = await fetch(
            one, "/api/settings", {"gateway.retries": 2}, **{"If-Match": '"9999-x"'}
        )
        assert status == 409 and problem["field"] == "version"
