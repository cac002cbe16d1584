"""Small requests of the gateway's own: health, and JSON that the platform itself reads."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.gateway.connection import Header
from livetranslate.services.gateway.fleet import Backend
from livetranslate.services.gateway.headers import request_head

MAX_BODY = 16 * 1024 * 1024
"""Bytes of an answer that are taken."""


class Answer(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes


async def ask(backend: Backend, path: str, headers: Sequence[Header]) -> Answer:
    """GET a path of an instance; the caller limits the time.

    Raises:
        BackendUnavailable: It cannot be reached, or its answer breaks off or is too large.
    """
    pool = backend.pool
    connection = await pool.acquire()
    try:
        target = pool.prefix + path.encode("latin-1")
        connection.start(b"GET", request_head("GET", target, pool.host, headers))
        connection.body_sent()
        await connection.head()
        pieces: list[bytes] = []
        size = 0
        while piece := await connection.read():
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY:
                raise BackendUnavailable(f"its answer has more than {MAX_BODY} bytes")
        return Answer(connection.status, b"".join(pieces))
    finally:
        pool.release(connection)
