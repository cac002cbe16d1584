"""Which addresses a bot may open, so that nobody makes a browser of ours look around in a network.

Hosts are on an allow-list, an allowed name is resolved once, an answer with any private address in
it is refused, and the browser is pinned to what was resolved. The rehearsal's own origin, which is
on the loopback interface, is the only exception.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import SplitResult, urlsplit

import msgspec

from livetranslate.meetings.errors import MeetingRefused

Resolve = Callable[[str], Awaitable[list[str]]]
"""Returns the addresses of a host; raises OSError for one that is not known."""
MOST_CHARACTERS = 500


class MeetingAddress(msgspec.Struct, frozen=True):
    """An address that may be opened.

    Attributes:
        url: The whole address.
        host: Its host.
        pinned: The one IP address that the browser is to use for that host; None for the rehearsal.
    """

    url: str
    host: str
    pinned: str | None


async def check_meeting_url(
    url: str, *, hosts: Collection[str], rehearsal_origin: str | None, resolve: Resolve
) -> MeetingAddress:
    """Return the address of a meeting; raises MeetingRefused, which says what is wrong.

    Args:
        url: What a person gave.
        hosts: Hosts that are allowed.
        rehearsal_origin: Scheme, host and port of the rehearsal's own page, if one runs.
        resolve: Looks a name up.
    """
    parts = _parts(url)
    host = parts.hostname or ""
    if rehearsal_origin is not None and _origin(parts) == _origin(_parts(rehearsal_origin)):
        return MeetingAddress(url, host, None)
    if parts.scheme != "https":
        raise _refused("a meeting's address begins with https://")
    if host not in hosts:
        raise _refused(
            f"bots join meetings at {', '.join(sorted(hosts))}, not at {host or 'no host'}"
        )
    if parts.port not in (None, 443):
        raise _refused("a meeting's address names no port")
    try:
        found = await resolve(host)
    except OSError as error:
        raise _refused(f"{host} cannot be found from this machine: {error}") from error
    if not found or any(not ipaddress.ip_address(one).is_global for one in found):
        raise _refused(f"{host} leads into a private network here")
    return MeetingAddress(url, host, found[0])


def loopback_origin(origin: str) -> str:
    """Return the origin of a rehearsal if it is on the loopback interface; raises ValueError."""
    parts = urlsplit(origin)
    try:
        local = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        local = False
    if parts.scheme != "http" or not local or parts.port is None or parts.path.strip("/"):
        raise ValueError("a rehearsal's address is http://127.0.0.1:PORT")
    return origin.rstrip("/")


def _parts(url: str) -> SplitResult:
    if len(url) > MOST_CHARACTERS or any(ord(one) <= 32 for one in url):
        raise _refused(f"an address has at most {MOST_CHARACTERS} characters and no blanks")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _refused(f"this is no address: {error}") from error
    if parts.username is not None or parts.password is not None:
        raise _refused("a meeting's address carries no user name")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port


def _refused(why: str) -> MeetingRefused:
    return MeetingRefused(why, field="meeting_url")
