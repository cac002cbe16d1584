"""Separate hosts on this machine: network namespaces on a bridge of their own.

A host has its own loopback interface and one address that the other hosts and the tests reach. It
can be cut off (its packets vanish on the way, no connection is told) and all its processes can be
killed at once. Names and subnets are unique among the runs on a machine: the kernel refuses a
bridge whose name is taken, and the name gives the subnet. What a killed run left is removed by the
next one.
"""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_ALIAS = "livetranslate-tests of process "
_NAME = "lt{:x}"


class Host:
    """One host; made by ``Network.host``.

    Attributes:
        name: Of its namespace.
        address: Where the others reach it.
        prefix: Words before a command that is to run on it; the process keeps its id.
    """

    def __init__(self, network: Network, number: int) -> None:
        self.name = f"{network.bridge}h{number}"
        self.address = f"{network.subnet}.{number + 1}"
        self.prefix = ["ip", "netns", "exec", self.name]
        self._bridge = network.bridge
        self._link = f"{network.bridge}p{number}"

    def make(self) -> None:
        """Create it."""
        _ip("netns", "add", self.name)
        _ip("link", "add", self._link, "type", "veth", "peer", "eth0", "netns", self.name)
        _ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", self.name, "link", "set", "lo", "up")
        _ip("-n", self.name, "link", "set", "eth0", "up")
        _ip("link", "set", self._link, "up", "master", self._bridge)

    def remove(self) -> None:
        """Kill what runs on it and take it away."""
        self.kill()
        _ip("netns", "del", self.name)

    def kill(self) -> None:
        """``kill -9`` to every process on it."""
        until = time.monotonic() + 10
        while (pids := self.pids()) and time.monotonic() < until:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def pids(self) -> list[int]:
        """Processes that run on it, without those that have exited."""
        found = [int(pid) for pid in _ip("netns", "pids", self.name).split()]
        return [pid for pid in found if not _is_dead(pid)]

    def cut(self) -> None:
        """Let every packet from and to it vanish."""
        _ip("link", "set", self._link, "nomaster")

    def connect(self) -> None:
        """Let it be reached again."""
        _ip("link", "set", self._link, "master", self._bridge)

    def slow(self, milliseconds: float) -> None:
        """Delay each packet from it; 0 ends that. Needs the kernel's netem (``can_be_slow``)."""
        _tc("-n", self.name, "qdisc", "del", "dev", "eth0", "root", check=False)
        if milliseconds:
            delay = f"{milliseconds}ms"
            _tc("-n", self.name, "qdisc", "add", "dev", "eth0", "root", "netem", "delay", delay)

    @property
    def can_be_slow(self) -> bool:
        """Whether ``slow`` works here."""
        try:
            self.slow(1)
        except (OSError, subprocess.CalledProcessError):
            return False
        self.slow(0)
        return True


class Network:
    """A bridge and the hosts on it; use ``network``.

    Attributes:
        bridge: Its name.
        subnet: First three numbers of its addresses.
        address: Where processes that run on no host are reached from the hosts.
    """

    def __init__(self, number: int) -> None:
        self.bridge = _NAME.format(number)
        self.subnet = f"10.{128 + number // 256}.{number % 256}"
        self.address = f"{self.subnet}.1"
        self._hosts: list[Host] = []

    def make(self) -> bool:
        """Create it; return whether its name and addresses were free."""
        routes = _ip("-4", "route", "show", "to", "match", f"{self.subnet}.0/24").splitlines()
        if any(not route.startswith("default") for route in routes):
            return False
        try:
            _ip("link", "add", self.bridge, "type", "bridge")
        except subprocess.CalledProcessError as error:
            if "File exists" in error.stderr:
                return False
            raise
        try:
            _ip("link", "set", self.bridge, "alias", f"{_ALIAS}{os.getpid()}")
            _ip("addr", "add", f"{self.address}/24", "dev", self.bridge)
            _ip("link", "set", self.bridge, "up")
        except subprocess.CalledProcessError:
            self.remove()
            raise
        return True

    def host(self) -> Host:
        """Add a host."""
        host = Host(self, len(self._hosts) + 1)
        self._hosts.append(host)
        host.make()
        return host

    def remove(self) -> None:
        """Take everything away, as far as it is there."""
        for host in self._hosts:
            with suppress(subprocess.CalledProcessError):
                host.remove()
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self.bridge)


@functools.cache
def why_not() -> str | None:
    """Return why there can be no hosts on this machine, or None where there can."""
    if shutil.which("ip") is None:
        return "no `ip` found; install it: apt install iproute2"
    try:
        with network() as made:
            host = made.host()
            subprocess.run([*host.prefix, "true"], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        return f"no network namespaces may be made here (root is needed): {error.stderr.strip()}"
    return None


@contextmanager
def network() -> Generator[Network, None, None]:
    """Make a network for the block; nothing of it is left behind."""
    _remove_left_behind()
    for _ in range(50):
        made = Network(random.randrange(128 * 256))
        if made.make():
            try:
                yield made
            finally:
                made.remove()
            return
    raise RuntimeError("no free name for a bridge in 50 attempts")


def _remove_left_behind() -> None:
    """Remove the networks of test runs that were killed."""
    for link in json.loads(_ip("-j", "link", "show", "type", "bridge") or "[]"):
        alias = str(link.get("ifalias", ""))
        if not alias.startswith(_ALIAS) or not _is_dead(int(alias.removeprefix(_ALIAS))):
            continue
        bridge = str(link["ifname"])
        for line in _ip("netns", "list").splitlines():
            name = line.split()[0]
            if name.startswith(f"{bridge}h"):
                with suppress(subprocess.CalledProcessError):
                    _kill_and_delete(name)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", bridge)


def _kill_and_delete(namespace: str) -> None:
    for pid in _ip("netns", "pids", namespace).split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    _ip("netns", "del", namespace)


def _is_dead(pid: int) -> bool:
    """Whether a process is gone, or only waits to be waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _ip(*words: str) -> str:
    return _run(["ip", *words])


def _tc(*words: str, check: bool = True) -> str:
    return _run(["tc", *words], check=check)


def _run(command: Sequence[str], *, check: bool = True) -> str:
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout
