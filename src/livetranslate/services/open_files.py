"""The limit of open files: every connection is one."""

from __future__ import annotations

import resource
import sys

import structlog

RESERVED = 256
"""Open files beside the connections: models, database, workers, logs."""

_log = structlog.get_logger(__name__)


def raise_open_files(needed: int) -> int:
    """Raise the process's limit of open files as far as needed and allowed.

    Returns:
        The limit in force.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited:
        return sys.maxsize
    if soft >= needed:
        return soft
    allowed = needed if hard == unlimited else min(needed, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def allow_open_files(connections: int) -> int:
    """Raise the process's limit of open files so far that all connections fit, if it may be.

    Where it may not, a line in the log says how many fit and what helps.

    Args:
        connections: Most connections that are taken at a time.

    Returns:
        The limit in force.
    """
    needed = connections + RESERVED
    allowed = raise_open_files(needed)
    if allowed < needed:
        _log.warning(
            "open_files_limited",
            limit=allowed,
            connections=max(0, allowed - RESERVED),
            wanted=connections,
            help=f"raise the limit (ulimit -n {needed}, or LimitNOFILE in a systemd unit), or "
            "lower WEBSOCKET_MAX_CONNECTIONS",
        )
    return allowed
