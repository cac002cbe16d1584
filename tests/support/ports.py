"""Ports for servers that are started, stopped and started again on the same one."""

from __future__ import annotations

import os
import random
import socket
from itertools import cycle

RANGE = range(10_000, 32_000)
"""Below those that the kernel gives to whoever connects somewhere: nobody takes one by chance
while its server is being restarted."""

_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
_share = RANGE[int(_worker) % 4 :: 4]
_start = random.Random(os.getpid()).randrange(len(_share))
_next = cycle([*_share[_start:], *_share[:_start]])


def free_port() -> int:
    """A port that nobody listens on, and that no other test of this run is given."""
    for port in _next:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                continue
        return port
    raise AssertionError("never reached: the ports go round")
