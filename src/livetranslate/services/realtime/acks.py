"""Acknowledgements of audio, and the asking of a feeder to slow down."""

from __future__ import annotations

import asyncio

from livetranslate.domain.messages import AudioAck, SlowDown
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.frames import Frame
from livetranslate.services.realtime.outbox import Outbox
from livetranslate.sessions.log.base import Appended

SLOW_DOWN_S = 1.0
"""A feeder is asked to slow down at most this often."""


class Acks:
    """Acknowledgements of one fed session: prompt, but several within a short time told as one."""

    def __init__(self, outbox: Outbox, session_id: str, edge: Edge) -> None:
        self._outbox = outbox
        self._session_id = session_id
        self._options = edge.options
        self._loop = asyncio.get_running_loop()
        self._sent_at = float("-inf")
        self._slowed_at = float("-inf")
        self._due: asyncio.TimerHandle | None = None
        self._newest: Appended | None = None

    def note(self, appended: Appended) -> None:
        """Acknowledge, now or together with what comes soon."""
        self._newest = appended
        now = self._loop.time()
        wait = self._sent_at + self._options.ack_interval_s - now
        if wait <= 0:
            self.flush()
        elif self._due is None:
            self._due = self._loop.call_later(wait, self.flush)
        over = appended.buffered_s - self._options.slow_down_s
        if over > 0 and now - self._slowed_at >= SLOW_DOWN_S:
            self._slowed_at = now
            self._put(
                SlowDown(
                    session_id=self._session_id,
                    retry_after_s=round(min(max(over, 0.5), 30.0), 2),
                    buffered_s=appended.buffered_s,
                )
            )

    def flush(self) -> None:
        """Acknowledge what is still to be told."""
        self.close()
        if self._newest is None:
            return
        newest, self._newest = self._newest, None
        self._sent_at = self._loop.time()
        self._put(
            AudioAck(
                session_id=self._session_id,
                seq=newest.seq,
                buffered_s=round(newest.buffered_s, 3),
            )
        )

    def close(self) -> None:
        """Tell nothing more."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _put(self, message: AudioAck | SlowDown) -> None:
        key = (self._session_id, type(message).__name__)
        self._outbox.put(Frame(message, key=key, replaceable=True))
