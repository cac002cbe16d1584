"""The tests' own hosts are apart as real ones are."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from support.hosts import Host, Network, network, why_not
from support.redis_server import redis_server

pytestmark = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))


@pytest.fixture
def net() -> Iterator[Network]:
    with network() as made:
        yield made


def start(host: Host, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*host.prefix, *command])


def ping(host: Host, server: Host, port: int, timeout_s: str = "1") -> bool:
    command = ["timeout", timeout_s, "redis-cli", "-h", server.address, "-p", str(port), "ping"]
    done = subprocess.run([*host.prefix, *command], capture_output=True, text=True, check=False)
    return done.stdout.strip() == "PONG"


def test_hosts_reach_each_other_until_one_is_cut_off(net: Network):
    here, there = net.host(), net.host()
    with redis_server(address=there.address, prefix=there.prefix) as server:
        assert ping(here, there, server.port)
        assert server.command("ping") == "PONG"
        there.cut()
        assert not ping(here, there, server.port)
        there.connect()
        assert ping(here, there, server.port, timeout_s="10")


def test_killing_a_host_kills_what_runs_on_it_and_nothing_else(net: Network):
    here, there = net.host(), net.host()
    survivor, victims = start(here, "sleep", "100"), [start(there, "sleep", "100") for _ in "ab"]
    until = time.monotonic() + 10
    while len(there.pids()) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    there.kill()
    assert [victim.wait(5) for victim in victims] == [-9, -9]
    assert there.pids() == []
    assert survivor.poll() is None
    here.kill()
    survivor.wait(5)


def test_nothing_is_left_behind_also_after_a_failure():
    def listed() -> str:
        return "".join(
            subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout
            for words in (["netns", "list"], ["-o", "link"])
        )

    with suppress(ValueError), network() as made:
        process = start(made.host(), "sleep", "100")
        assert made.bridge in listed()
        raise ValueError
    assert process.wait(5) == -9
    assert made.bridge not in listed()


def test_a_slow_host_answers_late(net: Network):
    here, there = net.host(), net.host()
    if not there.can_be_slow:
        pytest.skip("this kernel has no netem")
    with redis_server(address=there.address, prefix=there.prefix) as server:
        there.slow(300)
        begin = time.monotonic()
        assert ping(here, there, server.port, timeout_s="10")
        assert time.monotonic() - begin >= 0.3
