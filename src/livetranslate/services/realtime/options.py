"""Limits and times of the live edges."""

from __future__ import annotations

import msgspec

from livetranslate.services.realtime.outbox import OutboxOptions

MESSAGE_LIMIT = 1024 * 1024
"""Bytes of the largest message that connections may send."""

HARD_MESSAGE_LIMIT = 2 * MESSAGE_LIMIT
"""Bytes at which the server cuts a message off without reading it to its end: above the limit by so
much that what only its encoding makes too large is refused with a word on it."""


class EdgeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What connections may do.

    Attributes:
        max_message_bytes: Largest message taken.
        max_connections: Live connections of this process, over all protocols.
        idle_timeout_s: A connection over which nothing went for so long is closed.
        session_timeout_s: A session without audio or listeners' activity for so long expires.
        resume_window_s: How long a session waits for a feeder that vanished.
        max_buffered_s: Seconds of audio that may wait before the socket is no longer read.
        slow_down_s: Seconds of waiting audio from which a feeder is asked to slow down.
        ack_interval_s: Acknowledgements of chunks within so long are told as one. Half a usual
            chunk, so that what was late once does not make all that follow late.
        authenticate_s: Time to send credentials where they are needed.
        close_s: How long a close may wait for a peer that does not read.
        service_period_s: Between two ``service_event`` messages of one service.
        shutdown_spread_s: Clients told to come again do so spread over so many seconds.
        outbox: Bounds of each connection's backlog.
        api_keys: Accepted keys; none means no credentials are asked for.
        origins: Accepted ``Origin`` values of browsers; ``*`` accepts all.
    """

    max_message_bytes: int = MESSAGE_LIMIT
    max_connections: int = 10_000
    idle_timeout_s: float = 1800.0
    session_timeout_s: float = 1800.0
    resume_window_s: float = 60.0
    max_buffered_s: float = 120.0
    slow_down_s: float = 30.0
    ack_interval_s: float = 0.05
    authenticate_s: float = 10.0
    close_s: float = 2.0
    service_period_s: float = 5.0
    shutdown_spread_s: float = 5.0
    outbox: OutboxOptions = OutboxOptions()
    api_keys: tuple[str, ...] = ()
    origins: tuple[str, ...] = ("*",)
