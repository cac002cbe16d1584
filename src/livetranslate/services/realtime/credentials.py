"""Who may come in: API keys and browsers' origins, the same for REST and the live protocols."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from livetranslate.domain.errors import Forbidden, Unauthorized
from livetranslate.services.realtime.options import EdgeOptions


def header_key(headers: Mapping[str, str]) -> str | None:
    """Return the API key in ``Authorization: Bearer`` or ``X-API-Key``, or None."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return headers.get("x-api-key") or None


def check_key(options: EdgeOptions, key: str | None) -> None:
    """Raise Unauthorized unless the key is one of ours or none is needed."""
    if not options.api_keys:
        return
    if key is None:
        raise Unauthorized(
            "an API key is needed: send it as 'Authorization: Bearer', as 'X-API-Key', or on a "
            "WebSocket with the message authenticate",
            field="api_key",
        )
    given = key.encode()
    matches = [secrets.compare_digest(given, known.encode()) for known in options.api_keys]
    if not any(matches):
        raise Unauthorized("the API key is not known here", field="api_key")


def check_origin(options: EdgeOptions, headers: Mapping[str, str]) -> None:
    """Raise Forbidden if a browser's page of another origin connects.

    The page that this very server brought (``Origin`` names the ``Host``) may always.
    """
    origin = headers.get("origin")
    if origin is None or "*" in options.origins or origin in options.origins:
        return
    if origin.partition("://")[2] == headers.get("host"):
        return
    raise Forbidden(f"pages of {origin} may not connect; CORS_ORIGINS lists who may")
