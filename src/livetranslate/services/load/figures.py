"""Figures of a load that can be added up over processes: distributions and counts."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

_FIRST_S = 1e-4
_STEP = 1.05
_LOG_STEP = math.log(_STEP)


class Distribution(msgspec.Struct, kw_only=True):
    """Times in buckets of 5 %, so that any number of them takes little room and can be merged.

    Attributes:
        buckets: How many times fell into each bucket; bucket n ends at 0.1 ms × 1.05 ** n.
        count: All of them.
        longest_s: The longest.
    """

    buckets: dict[int, int] = {}
    count: int = 0
    longest_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a time; below zero counts as zero."""
        at = max(0, math.ceil(math.log(max(seconds, _FIRST_S) / _FIRST_S) / _LOG_STEP))
        self.buckets[at] = self.buckets.get(at, 0) + 1
        self.count += 1
        self.longest_s = max(self.longest_s, seconds)

    def merge(self, other: Distribution) -> None:
        """Add another's times."""
        for at, number in other.buckets.items():
            self.buckets[at] = self.buckets.get(at, 0) + number
        self.count += other.count
        self.longest_s = max(self.longest_s, other.longest_s)

    def percentile(self, share: float) -> float | None:
        """Return the time that a share (0-1) of all do not exceed, to 5 %; None without any."""
        if not self.count:
            return None
        wanted = max(1, math.ceil(share * self.count))
        seen = 0
        for at in sorted(self.buckets):
            seen += self.buckets[at]
            if seen >= wanted:
                return min(_FIRST_S * _STEP**at, self.longest_s)
        return self.longest_s


class Figures(msgspec.Struct, kw_only=True):
    """Everything that one process has seen so far.

    Attributes:
        connections_open: Idle connections that are open now.
        connections_opened: Idle connections that were opened.
        connections_refused: Attempts that failed.
        connections_lost: Idle connections that the server closed.
        sessions_started: Sessions with a ``session_started``.
        sessions_ended: Sessions with a ``session_ended`` that their client had asked for.
        sessions_live: Sessions that are being fed now.
        sessions_failed: Sessions that ended otherwise or never began.
        chunks_sent: Chunks handed to the socket.
        chunks_acknowledged: Chunks that are safe.
        unacknowledged_s: Seconds of audio on their way now.
        events: Events that came to the feeders.
        heard: Events that came to listeners.
        words: Committed words.
        words_changed: Words that were committed and changed or went.
        reconnects: Connections of feeders that were opened again.
        errors: Errors by code.
        lost: What was lost, a line each.
        start: Accepted connection to ``session_started``.
        ack: Chunk sent to its acknowledgement.
        commit: End of a word sent to the word committed.
        lag: How late this process's own loop ran.
        cpu_s: Seconds that this process computed.
        done: Whether it has finished.
    """

    connections_open: int = 0
    connections_opened: int = 0
    connections_refused: int = 0
    connections_lost: int = 0
    sessions_started: int = 0
    sessions_ended: int = 0
    sessions_live: int = 0
    sessions_failed: int = 0
    chunks_sent: int = 0
    chunks_acknowledged: int = 0
    unacknowledged_s: float = 0.0
    events: int = 0
    heard: int = 0
    words: int = 0
    words_changed: int = 0
    reconnects: int = 0
    errors: dict[str, int] = {}
    lost: list[str] = []
    start: Distribution = msgspec.field(default_factory=Distribution)
    ack: Distribution = msgspec.field(default_factory=Distribution)
    commit: Distribution = msgspec.field(default_factory=Distribution)
    lag: Distribution = msgspec.field(default_factory=Distribution)
    cpu_s: float = 0.0
    done: bool = False

    def error(self, code: str) -> None:
        """Count an error."""
        self.errors[code] = self.errors.get(code, 0) + 1


def total(parts: Iterable[Figures]) -> Figures:
    """Return the figures of several processes together."""
    whole = Figures(done=True)
    for part in parts:
        for name in Figures.__struct_fields__:
            mine, theirs = getattr(whole, name), getattr(part, name)
            if isinstance(mine, Distribution):
                mine.merge(theirs)
            elif isinstance(mine, dict):
                for code, number in theirs.items():
                    whole.errors[code] = whole.errors.get(code, 0) + number
            elif name == "done":
                whole.done = mine and theirs
            else:
                setattr(whole, name, mine + theirs)
    return whole
