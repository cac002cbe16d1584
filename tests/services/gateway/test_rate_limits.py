"""Rate limits of callers."""

from __future__ import annotations

import pytest

from livetranslate.services.gateway.limits import Callers, RateLimit, RateLimitOptions


class Requests:
    """Sends requests through a rate limit at a time of the test's choice."""

    def __init__(self, *, keys=(), **options) -> None:
        self.now = 0.0
        self.callers = Callers(RateLimitOptions(**options), keys=keys, clock=lambda: self.now)
        self.app = RateLimit(self._fine, self.callers)

    async def _fine(self, scope, receive, send) -> None:
        start = "websocket.accept" if scope["type"] == "websocket" else "http.response.start"
        await send({"type": start, "status": 200, "headers": []})

    async def send(self, path="/api/x", address="1.1.1.1", key=None, kind="http"):
        sent = []

        async def receive():
            return {"type": "websocket.connect"}

        async def send(message) -> None:
            sent.append(message)

        headers = [(b"x-api-key", key.encode())] if key else []
        scope = {
            "type": kind,
            "path": path,
            "method": "GET",
            "client": (address, 1) if address else None,
            "headers": headers,
            "query_string": b"",
            "extensions": {"websocket.http.response": {}},
        }
        await self.app(scope, receive, send)
        first = sent[0]
        return first.get("status"), {
            name.decode().lower(): value.decode() for name, value in first.get("headers", [])
        }

    async def statuses(self, times: int, **request) -> list[int]:
        return [(await self.send(**request))[0] for _ in range(times)]


async def test_a_burst_passes_then_so_many_a_second():
    requests = Requests(requests=2, burst=3)
    assert await requests.statuses(4) == [200, 200, 200, 429]
    requests.now = 1.0
    assert await requests.statuses(3) == [200, 200, 429]


async def test_who_is_refused_hears_when_to_come_again():
    requests = Requests(requests=0.1, burst=1)
    _, headers = await requests.send()
    assert headers["ratelimit-remaining"] == "0"
    status, headers = await requests.send()
    assert status == 429
    assert headers["retry-after"] == "10"
    assert headers["ratelimit-limit"] == "1"
    assert headers["content-type"] == "application/problem+json"


async def test_callers_do_not_disturb_each_other():
    requests = Requests(requests=1, burst=1, keys=("k1", "k2"))
    assert await requests.statuses(2, address="1.1.1.1") == [200, 429]
    assert await requests.statuses(2, address="2.2.2.2") == [200, 429]
    assert await requests.statuses(2, key="k1") == [200, 429]
    assert await requests.statuses(1, key="k2") == [200]
    assert await requests.statuses(1, key="k1", address="3.3.3.3") == [429]


async def test_keys_that_are_made_up_are_no_callers():
    requests = Requests(requests=1, burst=1, keys=("k1",))
    assert [(await requests.send(key=f"made up {n}"))[0] for n in range(3)] == [200, 429, 429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:1.1.1.1", "1.1.1.1", True),
        ("::ffff:1.1.1.1", "::ffff:2.2.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
async def test_an_address_stands_for_its_network(one, other, same):
    requests = Requests(requests=1, burst=1)
    await requests.send(address=one)
    assert (await requests.send(address=other))[0] == (429 if same else 200)


async def test_pages_and_health_are_not_counted():
    requests = Requests(requests=1, burst=1)
    for path in ("/", "/assets/a.js", "/metrics", "/api/health", "/api/health/ready"):
        assert await requests.statuses(3, path=path) == [200] * 3
    assert await requests.statuses(2) == [200, 429]


async def test_handshakes_count_apart():
    requests = Requests(requests=1, burst=1, connections=1, connection_burst=2)
    assert await requests.statuses(3, kind="websocket", path="/ws") == [200, 200, 429]
    assert await requests.statuses(1) == [200]


async def test_no_limit_is_no_limit():
    requests = Requests(requests=0, connections=0, burst=1)
    assert await requests.statuses(5) == [200] * 5
    assert len(requests.callers) == 0


async def test_the_table_of_callers_is_bounded():
    requests = Requests(requests=1, burst=1, max_callers=100)
    for number in range(1000):
        await requests.send(address=f"10.0.{number // 250}.{number % 250}")
    assert len(requests.callers) == 100
    assert await requests.statuses(1, address="10.0.3.249") == [429]
