"""Instances of the services behind orchestration, as configuration or registration names them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import Enum
from urllib.parse import urlsplit

import msgspec

from livetranslate.domain.errors import InvalidInput

MAX_WEIGHT = 1000


class Origin(str, Enum):
    """How an instance came to be known."""

    CONFIGURED = "configured"
    REGISTERED = "registered"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One process that serves a service.

    Attributes:
        instance_id: The same wherever this address of this service is named.
        service: Such as ``whisper``.
        url: Base address without a slash at its end.
        weight: Its share of the work, beside those of the others.
        origin: Who named it.
    """

    instance_id: str
    service: str
    url: str
    weight: int = 1
    origin: Origin = Origin.CONFIGURED


def instance_id_of(service: str, url: str) -> str:
    """Return the id of an address, so that announcing it again renews the same instance."""
    digest = hashlib.sha256(f"{service} {url}".encode()).hexdigest()[:16]
    return f"{service}-{digest}"


def checked_url(url: str) -> str:
    """Return a base address as it is kept.

    Raises:
        InvalidInput: It is no plain http address.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"url is not an address: {error}", field="url") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidInput("url begins with http:// or https:// and names a host", field="url")
    if parts.username or parts.query or parts.fragment or any(c <= " " for c in url):
        raise InvalidInput("url has no user, query, fragment or blanks", field="url")
    return url.rstrip("/")


def make_instance(service: str, url: str, weight: int, origin: Origin) -> Instance:
    """Return an instance; raises InvalidInput if its address or weight cannot be."""
    if not 1 <= weight <= MAX_WEIGHT:
        raise InvalidInput(f"weight is 1 to {MAX_WEIGHT}", field="weight")
    address = checked_url(url)
    return Instance(
        instance_id=instance_id_of(service, address),
        service=service,
        url=address,
        weight=weight,
        origin=origin,
    )


def configured(service: str, urls: Sequence[str]) -> list[Instance]:
    """Return the instances of a list of addresses, each maybe with ``;weight=N``."""
    found: dict[str, Instance] = {}
    for entry in urls:
        url, _, options = entry.partition(";")
        weight = int(options.removeprefix("weight=") or 1)
        instance = make_instance(service, url, weight, Origin.CONFIGURED)
        found[instance.instance_id] = instance
    return list(found.values())
