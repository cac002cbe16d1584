"""Headers of a request on its way to an instance, and of the answer on its way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.types import Scope

from livetranslate.services.gateway.connection import Header

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that belong to one connection (RFC 9110, section 7.6.1)."""
_OURS = HOP_BY_HOP | {
    b"host",
    b"expect",
    b"x-request-id",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
}
_NOT_BACK = HOP_BY_HOP | {b"date", b"server", b"x-request-id"}
"""Not passed back: the server in front writes its own."""


def named_in_connection(headers: Iterable[Header]) -> set[bytes]:
    """Return the headers that ``Connection`` declares to be of one connection."""
    return {
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    }


def forwarded(scope: Scope) -> list[Header]:
    """Return what tells the instance who asks: the address, the scheme, the host, the id."""
    added: list[Header] = []
    before = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    client = scope.get("client")
    address: bytes = client[0].encode("latin-1") if client else b""
    # The server may have taken the address from this very header, of a proxy it trusts.
    if address and not any(one.rpartition(b",")[2].strip() == address for one in before[-1:]):
        before.append(address)
    if before:
        added.append((b"x-forwarded-for", b", ".join(before)))
    scheme: str = scope["scheme"]
    scheme = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    added.append((b"x-forwarded-proto", scheme.encode("latin-1")))
    added += [(b"x-forwarded-host", value) for name, value in scope["headers"] if name == b"host"]
    request_id = scope.get("state", {}).get("request_id")
    if request_id:
        added.append((b"x-request-id", request_id.encode("latin-1")))
    return added


def passed_on(scope: Scope) -> list[Header]:
    """Return the headers of a request as the instance gets them, without ``Host``."""
    headers: Sequence[Header] = scope["headers"]
    dropped = _OURS | named_in_connection(headers)
    kept = [(name, value) for name, value in headers if name not in dropped]
    if any(name == b"transfer-encoding" for name, _ in headers):
        kept = [(name, value) for name, value in kept if name != b"content-length"]
        kept.append((b"transfer-encoding", b"chunked"))
    return kept + forwarded(scope)


def passed_back(headers: Sequence[Header]) -> list[Header]:
    """Return the headers of an answer as the caller gets them."""
    dropped = _NOT_BACK | named_in_connection(headers)
    return [(name, value) for name, value in headers if name not in dropped]


def request_head(method: str, target: bytes, host: bytes, headers: Iterable[Header]) -> bytes:
    """Return the head of a request as it is written."""
    lines = [b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method.encode("latin-1"), target, host)]
    lines += [b"%b: %b\r\n" % header for header in headers]
    lines.append(b"\r\n")
    return b"".join(lines)
