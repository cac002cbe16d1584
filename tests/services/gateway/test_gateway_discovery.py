"""Instances that announce themselves; health of all instances."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
import pytest
from fastapi import FastAPI

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services import problems
from livetranslate.services.gateway.announce import Announcing, announced, announcing_of
from livetranslate.services.gateway.breaker import BreakerOptions, BreakerState
from livetranslate.services.gateway.fleet import What
from livetranslate.services.gateway.gateway import Gateway, GatewayOptions
from livetranslate.services.gateway.instances import Origin, make_instance
from livetranslate.services.gateway.options import gateway_options
from livetranslate.services.gateway.redis_registry import IDS, RedisRegistry
from livetranslate.services.gateway.registry import MemoryRegistry
from livetranslate.services.gateway.routes import services_router
from livetranslate.settings import load_settings
from support.asgi import serve
from support.redis_server import RedisServer
from support.upstreams import raw_server

HEALTHY = b'HTTP/1.1 200 OK\r\ncontent-length: 29\r\n\r\n{"uptime_s": 7, "ready":true}'


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["memory", "redis"])
async def registry(request):
    if request.param == "memory":
        yield MemoryRegistry()
        return
    found = RedisRegistry(request.getfixturevalue("redis").url)
    await found._redis.flushall()
    yield found
    await found.close()


def instance(url: str, weight: int = 1):
    return make_instance("whisper", url, weight, Origin.REGISTERED)


async def ids(registry) -> list[str]:
    return sorted(one.instance.url for one in await registry.instances())


async def test_an_announcement_holds_until_its_time_is_over_or_it_is_renewed(registry):
    await registry.register(instance("http://a"), 0.3)
    await registry.register(instance("http://b", 2), 60)
    found = {one.instance.url: one for one in await registry.instances()}
    assert found["http://b"].instance == instance("http://b", 2)
    assert 0 < found["http://a"].expires_in_s <= 0.3
    for _ in range(4):
        await asyncio.sleep(0.1)
        await registry.register(instance("http://a"), 0.3)
    assert await ids(registry) == ["http://a", "http://b"]
    await asyncio.sleep(0.4)
    assert await ids(registry) == ["http://b"]


async def test_an_announcement_can_be_taken_back(registry):
    await registry.register(instance("http://a"), 60)
    assert await registry.remove(instance("http://a").instance_id)
    assert not await registry.remove(instance("http://a").instance_id)
    assert await ids(registry) == []


async def test_processes_share_what_redis_keeps_and_it_leaves_nothing(redis):
    with contextlib.ExitStack():
        one, other = RedisRegistry(redis.url), RedisRegistry(redis.url)
        await one._redis.flushall()
        await one.register(instance("http://a"), 0.2)
        assert await ids(other) == ["http://a"]
        await asyncio.sleep(0.3)
        assert await ids(other) == []
        assert await one._redis.smembers(IDS) == set()
        await one.close()
        await other.close()


async def test_a_registry_that_is_away_is_told():
    registry = RedisRegistry("redis://127.0.0.1:9/0")
    with pytest.raises(BackendUnavailable, match="registry"):
        await registry.instances()
    await registry.close()


def options(*urls: str, **changes) -> GatewayOptions:
    return GatewayOptions(
        urls={"whisper": urls}, health_paths={"whisper": "/health"}, discovery=True, **changes
    )


@contextlib.asynccontextmanager
async def served(gateway: Gateway):
    app = FastAPI()
    problems.install(app)
    app.include_router(services_router(gateway))
    async with serve(app) as url, aiohttp.ClientSession(url) as http:
        yield http
    await gateway.close()


async def test_announce_list_and_take_back_over_http():
    gateway = Gateway(options())
    async with served(gateway) as http, raw_server() as server:
        body = {"service": "whisper", "url": server.url + "/", "weight": 3}
        async with http.post("/api/services/register", json=body) as response:
            assert response.status == 201
            told = await response.json()
        assert (told["url"], told["weight"], told["ttl_s"]) == (server.url, 3, 30.0)
        async with http.post("/api/services/register", json=body) as response:
            assert (await response.json())["id"] == told["id"]
        async with http.get("/api/services") as response:
            (listed,) = (await response.json())["services"]
        assert (listed["id"], listed["origin"], listed["weight"]) == (told["id"], "registered", 3)
        assert listed["expires_in_s"] > 0
        async with http.delete(f"/api/services/{told['id']}") as response:
            assert response.status == 204
        async with http.delete(f"/api/services/{told['id']}") as response:
            assert response.status == 404
        assert gateway.fleet.backends() == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"service": "cooking", "url": "http://a"}, 404, "service"),
        ({"service": "whisper", "url": "file:///etc/passwd"}, 400, "url"),
        ({"service": "whisper"}, 422, "url"),
        ({"service": "whisper", "url": "http://a", "weight": 0}, 422, "weight"),
    ],
)
async def test_an_announcement_that_cannot_be_names_the_field(body, status, field):
    async with served(Gateway(options())) as http:
        async with http.post("/api/services/register", json=body) as response:
            assert response.status == status
            assert (await response.json())["field"] == field


async def test_without_discovery_nobody_announces():
    gateway = Gateway(GatewayOptions(urls={"whisper": ()}, health_paths={}))
    async with served(gateway) as http:
        body = {"service": "whisper", "url": "http://a"}
        async with http.post("/api/services/register", json=body) as response:
            assert response.status == 403
            assert "SERVICE_DISCOVERY_ENABLED" in (await response.json())["detail"]


async def test_one_orchestration_hears_of_what_another_was_told(redis):
    one = Gateway(options(), RedisRegistry(redis.url))
    other = Gateway(options(), RedisRegistry(redis.url))
    registered = await one.register("whisper", "http://a", 2)
    await other.refresh()
    (backend,) = other.fleet.backends("whisper")
    assert backend.instance == registered.instance
    await one.unregister(registered.instance.instance_id)
    await other.refresh()
    assert other.fleet.backends("whisper") == []
    await one.close()
    await other.close()


async def test_an_instance_announces_renews_and_takes_itself_back():
    gateway = Gateway(options(registration_ttl_s=0.3))
    async with served(gateway) as http:
        said = Announcing(
            orchestrations=("http://127.0.0.1:9", str(http._base_url).rstrip("/")),
            service="whisper",
            url="http://a",
            weight=2,
        )
        async with announced(said):
            async with asyncio.timeout(5):
                while not gateway.fleet.backends():  # noqa: ASYNC110 - it sets no event
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.6)
            await gateway.refresh()
            assert [one.instance.weight for one in gateway.fleet.backends()] == [2]
        assert gateway.fleet.backends() == []


def test_what_a_role_announces():
    settings = load_settings(orchestration_url="http://o:3000/")
    found = announcing_of(settings, "whisper", 5001)
    assert found.orchestrations == ("http://o:3000",)
    assert found.url.endswith(":5001")
    settings = load_settings(orchestration_url="http://o", advertised_url="http://me:1/x;weight=4")
    found = announcing_of(settings, "whisper", 5001)
    assert (found.url, found.weight) == ("http://me:1/x", 4)
    assert announcing_of(load_settings(), "whisper", 5001) is None


def test_audio_is_whispers_unless_it_has_addresses_of_its_own():
    assert gateway_options(load_settings()).aliases == {"audio": "whisper"}
    own = gateway_options(load_settings(audio_service_url="http://a"))
    assert (own.aliases, own.urls["audio"]) == ({}, ("http://a",))


# Health.


async def test_health_is_kept_told_and_decides_who_is_asked():
    async def talk(reader, writer) -> None:
        while True:
            await server.request(reader)
            if not hung:
                writer.write(HEALTHY)

    hung = False
    changes = []
    async with raw_server(talk) as server, raw_server() as other:
        gateway = Gateway(options(f"{server.url};weight=9", other.url))
        gateway.fleet.observers.append(changes.append)
        monitor = gateway._monitor
        monitor._options = type(monitor._options)(timeout_s=0.1, paths={})
        first, second = gateway.fleet.backends()
        (told, unhealthy) = await gateway.describe()
        assert (told["status"], told["uptime_s"], told["checks"]) == ("healthy", 7, 1)
        assert told["breaker"] == {
            "state": "closed",
            "failures_in_a_row": 0,
            "retry_after_s": None,
        }
        assert unhealthy["status"] == "unhealthy"  # `ok` is no JSON
        hung = True
        await monitor.check(first)
        assert gateway.fleet.choose("whisper").backend is first
        await monitor.check(first)
        assert gateway.fleet.choose("whisper").backend is second  # down after two
        hung = False
        await monitor.check(first)
        assert gateway.fleet.choose("whisper").backend is first
        await gateway.close()
    seen = [
        (one.before, one.after)
        for one in changes
        if one.what is What.HEALTH and one.instance_id == first.instance.instance_id
    ]
    assert seen == [
        ("unknown", "healthy"),
        ("healthy", "unreachable"),
        ("unreachable", "healthy"),
    ]


async def test_an_instance_that_is_not_ready_comes_after_the_others():
    not_ready = HEALTHY.replace(b"true}", b"false}").replace(b"29", b"30")

    async def talk(reader, writer) -> None:
        await server.answer_all(reader, writer, not_ready)

    async def fine(reader, writer) -> None:
        await ready.answer_all(reader, writer, HEALTHY)

    async with raw_server(talk) as server, raw_server(fine) as ready:
        gateway = Gateway(options(server.url, ready.url))
        await gateway.describe()
        chosen = {gateway.fleet.choose("whisper").backend.instance.url for _ in range(6)}
        assert chosen == {ready.url}
        await gateway.close()


async def test_a_good_health_closes_a_breaker_without_any_request():
    async def talk(reader, writer) -> None:
        await server.answer_all(reader, writer, HEALTHY)

    now = 0.0
    async with raw_server(talk) as server:
        gateway = Gateway(options(server.url, breaker=BreakerOptions(threshold=1, open_s=5)))
        fleet = gateway.fleet
        fleet.clock = lambda: now
        (backend,) = fleet.backends()
        fleet.choose("whisper").failed()
        await gateway._monitor.check(backend)
        assert backend.breaker.state(now) is BreakerState.OPEN
        with pytest.raises(BackendUnavailable):
            fleet.choose("whisper")
        now = 5.0
        await gateway._monitor.check(backend)
        assert backend.breaker.state(now) is BreakerState.CLOSED
        await gateway.close()
