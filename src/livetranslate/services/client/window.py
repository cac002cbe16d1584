"""Which chunks are to be sent, sent, and safe: bookkeeping without socket or clock."""

from __future__ import annotations

from collections import deque

import msgspec

from livetranslate.domain.errors import Conflict


class Chunk(msgspec.Struct, kw_only=True):
    """One chunk on its way; times are those of the client's monotonic clock, in seconds.

    Attributes:
        seq: Its number in the session, from 0.
        data: Audio in the session's encoding.
        queued_at: When it was given to the client.
        sent_at: When it was first handed to the socket; None before.
        acked_at: When the server confirmed it; None before.
    """

    seq: int
    data: bytes
    queued_at: float
    sent_at: float | None = None
    acked_at: float | None = None


class SendWindow:
    """Keeps every chunk that is not acknowledged, so that it can be sent again.

    Args:
        limit: Chunks kept at most; whoever adds more waits (overflow policy: block the feeder).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: deque[Chunk] = deque()
        self._added = 0
        self._next = 0

    @property
    def full(self) -> bool:
        """Whether no chunk can be added now."""
        return len(self._kept) >= self._limit

    @property
    def empty(self) -> bool:
        """Whether everything added is acknowledged."""
        return not self._kept

    @property
    def acknowledged(self) -> int:
        """Newest chunk that is safe, with all before it; -1 for none."""
        return self._added - len(self._kept) - 1

    def add(self, data: bytes, at: float) -> Chunk:
        """Number a chunk and keep it."""
        chunk = Chunk(seq=self._added, data=data, queued_at=at)
        self._kept.append(chunk)
        self._added += 1
        return chunk

    def take(self, at: float) -> Chunk | None:
        """Return the next chunk to send, or None if all are on their way."""
        if self._next >= self._added:
            return None
        chunk = self._kept[self._next - self._first]
        self._next += 1
        if chunk.sent_at is None:
            chunk.sent_at = at
        return chunk

    def acknowledge(self, seq: int, at: float) -> list[Chunk]:
        """Let go of everything up to ``seq``; return what that newly confirms."""
        done: list[Chunk] = []
        while self._kept and self._kept[0].seq <= seq:
            chunk = self._kept.popleft()
            chunk.acked_at = at
            done.append(chunk)
        self._next = max(self._next, self._first)
        return done

    def rewind(self, seq: int) -> None:
        """Send from chunk ``seq`` again.

        Raises:
            Conflict: The server lacks chunks that it had confirmed, or has some never added.
        """
        if not self._first <= seq <= self._added:
            raise Conflict(
                f"the server expects chunk {seq}, but only {self._first} to {self._added} "
                "can be sent"
            )
        self._next = seq

    @property
    def _first(self) -> int:
        return self._added - len(self._kept)
