"""A process's configuration: its file, its requests, and the other processes' changes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from livetranslate.domain.errors import BackendUnavailable, Conflict, Invalid
from livetranslate.services.configuration.keeper import ConfigurationKeeper
from livetranslate.services.workers import worker_environment
from livetranslate.sessions.configuration.base import ConfigurationStore
from livetranslate.sessions.configuration.memory import MemoryConfiguration
from livetranslate.sessions.configuration.presets import FollowedPresets
from livetranslate.sessions.configuration.redis.store import RedisConfiguration
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection, RedisOptions
from livetranslate.settings import Settings, load_settings
from support.redis_server import RedisServer


class Installation:
    """Processes that share a configuration, each with a folder, a file and environment of its own.

    Attributes:
        store: A way to the shared configuration.
    """

    def __init__(self, folder: Path, make: Callable[[], ConfigurationStore]) -> None:
        self._folder = folder
        self._make = make
        self._keepers: list[ConfigurationKeeper] = []
        self.store = make()

    def file(self, name: str) -> Path:
        return self._folder / name / "orchestration.yaml"

    def write(self, name: str, text: str) -> Path:
        """Write a file as editors do: a new one in its place."""
        file = self.file(name)
        file.parent.mkdir(exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(text)
        new.replace(file)
        return file

    async def start(self, name: str, **settings: object) -> ConfigurationKeeper:
        file = self.file(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LIVETRANSLATE_CONFIG", str(file))
            loaded = load_settings(**settings)
            keeper = ConfigurationKeeper(loaded, self._make(), look_s=0.05)
        self._keepers.append(keeper)
        await keeper.start()
        return keeper

    async def close(self) -> None:
        for keeper in self._keepers:
            await keeper.close()


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("LIVETRANSLATE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["memory", "redis"])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, shared_redis: RedisServer
) -> AsyncIterator[Installation]:
    async with AsyncExitStack() as stack:
        one, queue = MemoryConfiguration(), secrets.token_hex(4)

        def redis() -> ConfigurationStore:
            connection = RedisConnection(RedisOptions(url=shared_redis.url))
            channels = Channels(connection)
            stack.push_async_callback(connection.close)
            stack.push_async_callback(channels.close)
            return RedisConfiguration(connection, channels, queue=queue)

        place = Installation(tmp_path, redis if request.param == "redis" else lambda: one)
        yield place
        await place.close()


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if met():
                return
            await asyncio.sleep(0.01)


async def test_a_changed_file_is_in_force_in_every_process(place: Installation) -> None:
    place.write("a", "audio: {preset: meeting}\n")
    a = await place.start("a")
    b = await place.start("b")
    presets = FollowedPresets(place.store)
    await presets.start()
    assert a.settings.audio.active == b.settings.audio.active == presets.active == "meeting"
    heard: list[frozenset[str]] = []
    b.listen(lambda _, fields: heard.append(fields))

    place.write("a", "audio: {preset: noisy}\ngateway: {timeout: 7}\nfrontend: {port: 4000}\n")
    await until(lambda: (b.settings.audio.active, presets.active) == ("noisy", "noisy"))
    assert heard == [{"audio", "gateway_timeout"}]
    assert (a.settings.port, b.settings.port) == (4000, 3000)
    assert presets.parameters(None).noise_reduction.enabled
    assert b.shared.version == a.shared.version == 2
    assert not b.file.exists
    await presets.close()


async def test_a_wrong_file_is_refused_whole_with_every_reason(place: Installation) -> None:
    place.write("a", "audio: {preset: meeting}\n")
    a = await place.start("a")
    before = (a.settings, a.shared)
    place.write(
        "a",
        "audio: {preset: loud, parameters: {limiter: {ceiling_dbfs: 9}}}\n"
        "gateway: {timeout: -1, retries: 2}\nwebsocket: 3\n",
    )
    await until(lambda: bool(a.refused))
    assert {one.field for one in a.refused} == {
        "audio.preset",
        "audio.parameters.limiter.ceiling_dbfs",
        "gateway.timeout",
        "websocket",
    }
    assert (a.settings, a.shared) == before
    with pytest.raises(Conflict, match="mend it first.*gateway.timeout"):
        await a.change({"audio.preset": "noisy"})
    place.write("a", "audio: {preset: [\n")
    await until(lambda: "line 2" in (a.problem() or ""))
    place.write("a", "audio: {preset: noisy}\n")
    await until(lambda: not a.refused)
    assert a.settings.audio.active == "noisy"


async def test_a_request_is_kept_in_every_file_with_its_comments(place: Installation) -> None:
    place.write("a", "# The hall.\naudio:\n  preset: meeting  # for now\n")
    place.write("b", "frontend: {port: 4000}\n")
    a = await place.start("a")
    b = await place.start("b")
    told = await a.change({"audio.preset": "noisy", "gateway.retries": 1}, version=1)
    assert (told.version, told.not_kept) == (2, None)
    assert told.changed == ("audio.preset", "gateway.retries")
    text = place.file("a").read_text()
    assert text == "# The hall.\naudio:\n  preset: noisy    # for now\ngateway:\n  retries: 1\n"
    await until(lambda: "noisy" in place.file("b").read_text())
    assert b.settings.service_retry_attempts == 1
    assert load_settings(config_file=place.file("b")).audio.active == "noisy"
    assert load_settings(config_file=place.file("b")).port == 4000


async def test_a_request_makes_the_file_where_there_is_none(place: Installation) -> None:
    a = await place.start("a")
    await a.change({"audio.presets.hall.base": "noisy", "audio.preset": "hall"})
    assert a.settings.audio.parameters("hall").noise_reduction.enabled
    assert load_settings(config_file=place.file("a")).audio.active == "hall"
    await a.change({"audio.preset": None, "audio.presets.hall": None})
    assert "hall" not in a.settings.audio.presets
    assert "hall" not in place.file("a").read_text()


async def test_a_wrong_request_changes_nothing_and_tells_every_reason(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TIMEOUT", "9")
    place.write("a", "audio: {preset: meeting}\n")
    a = await place.start("a", websocket_max_connections=5)
    before = (a.settings, a.shared, place.file("a").read_text())
    with pytest.raises(Invalid) as refused:
        await a.change(
            {
                "audio.preset": "loud",
                "audio.parameters.high_pass.low_cut_hz": 5000,
                "gateway.timeout": 3,
                "websocket.max_connections": 6,
                "gateway.retries": "many",
                "no.such.key": 1,
            }
        )
    found = {one.field: one.reason for one in refused.value.problems}
    assert set(found) == {
        "audio.preset",
        "audio.parameters.high_pass.low_cut_hz",
        "gateway.timeout",
        "websocket.max_connections",
        "gateway.retries",
        "no.such.key",
    }
    assert "GATEWAY_TIMEOUT" in found["gateway.timeout"]
    assert "command line" in found["websocket.max_connections"]
    assert (a.settings, a.shared, place.file("a").read_text()) == before


async def test_the_loser_of_two_changes_is_told(place: Installation) -> None:
    a = await place.start("a")
    b = await place.start("b")
    told = await asyncio.gather(
        a.change({"audio.preset": "noisy"}, version=0),
        b.change({"audio.preset": "meeting"}, version=0),
        return_exceptions=True,
    )
    lost = [one for one in told if isinstance(one, Conflict)]
    assert len(lost) == 1 and lost[0].field == "version"
    await until(lambda: a.settings.audio == b.settings.audio)
    assert a.shared.version == b.shared.version == 1


async def test_changes_of_different_files_at_a_time_are_both_in_force(place: Installation) -> None:
    for name in ("a", "b"):
        place.write(name, "gateway: {timeout: 5, retries: 5}\n")
    a = await place.start("a")
    b = await place.start("b")
    place.write("a", "gateway: {timeout: 6, retries: 5}\n")
    place.write("b", "gateway: {timeout: 5, retries: 6}\n")
    await asyncio.gather(a.look(at_once=True), b.look(at_once=True))
    both = {"gateway.timeout": 6, "gateway.retries": 6}
    await until(lambda: a.shared.values == b.shared.values == both)
    await until(lambda: place.file("a").read_text() == place.file("b").read_text())


async def test_those_who_start_later_take_what_is_in_force(place: Installation) -> None:
    place.write("b", "audio: {preset: meeting}\n")
    b = await place.start("b")
    await b.close()
    a = await place.start("a")
    await a.change({"audio.preset": "noisy"})
    again = await place.start("b")
    assert again.settings.audio.active == "noisy"
    assert "noisy" in place.file("b").read_text()


async def test_a_file_that_was_changed_while_nobody_looked_is_news(place: Installation) -> None:
    place.write("a", "audio: {preset: meeting}\ngateway: {retries: 1}\n")
    first = await place.start("a")
    await first.change({"audio.preset": "noisy"})
    await first.close()
    place.write("a", "audio: {preset: telephony}\n")
    again = await place.start("a")
    assert again.settings.audio.active == "telephony"
    assert again.settings.service_retry_attempts == 1
    assert "retries: 1" in place.file("a").read_text()


async def test_a_file_that_cannot_be_written_is_told(place: Installation) -> None:
    (place.file("a").parent).write_text("no folder")
    a = await place.start("a")
    told = await a.change({"audio.preset": "noisy"})
    assert a.settings.audio.active == "noisy"
    assert told.not_kept is not None and "cannot be written" in told.not_kept


async def test_a_file_in_the_middle_of_being_written_waits(place: Installation) -> None:
    file = place.write("a", "gateway: {timeout: 5}\n")
    a = await place.start("a")
    file.write_text("gateway: {tim")
    await a.look()
    file.write_text("gateway: {timeout: 6}\n")
    await a.look()
    assert not a.refused and a.settings.gateway_timeout == 5
    await until(lambda: a.settings.gateway_timeout == 6)
    assert not a.refused
    file.unlink()
    await a.look()
    assert a.settings.gateway_timeout == 6


async def test_a_redis_that_comes_back_empty_gets_the_configuration_again(
    tmp_path: Path, redis: RedisServer
) -> None:
    connection = RedisConnection(RedisOptions(url=redis.url))
    channels = Channels(connection)
    place = Installation(tmp_path, lambda: RedisConfiguration(connection, channels))
    place.write("a", "audio: {preset: meeting}\n")
    a = await place.start("a")
    redis.stop()
    with pytest.raises(BackendUnavailable):
        await a.change({"audio.preset": "noisy"})
    place.write("a", "audio: {preset: telephony}\n")
    await until(lambda: a.waiting is not None)
    assert a.settings.audio.active == "meeting"
    redis.start()
    await until(lambda: a.settings.audio.active == "telephony")
    assert a.waiting is None
    redis.forget()
    late = FollowedPresets(RedisConfiguration(connection, channels))
    await late.start()
    await until(lambda: late.active == "telephony")
    await late.close()
    await place.close()
    await channels.close()
    await connection.close()


def test_workers_start_whatever_the_file_says_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "wrong.yaml"
    settings = load_settings(gateway_timeout=3)
    file.write_text("gateway: [")
    monkeypatch.setenv("LIVETRANSLATE_CONFIG", str(file))
    with pytest.raises(Invalid):
        load_settings()
    for name, value in worker_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings().audio.active == "default"
