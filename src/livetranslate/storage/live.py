"""A cache in front of the reads of live sessions, which a version from outside keeps true.

An entry is good for one **version** of its session. The version comes with every read from where
all processes agree on it, so that none has to tell another what it wrote or removed: a write moves
the version on, and a session that is gone has none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import msgspec

from livetranslate.storage.found import SessionDetail, Transcript
from livetranslate.storage.history import SessionHistory

T = TypeVar("T")

MOST_SESSIONS = 1000
MOST_SEGMENTS = 20_000
"""Of all kept transcripts together: some 50 MB."""

VersionOf = Callable[[str], Awaitable[Hashable | None]]
"""Tells a live session's version; None for a session that is not live, which is not kept."""


class CacheLoad(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of the cache.

    Attributes:
        entries: Sessions and transcripts that are kept.
        hits: Reads answered from memory since the start.
        misses: Reads of live sessions that went to the database.
    """

    entries: int
    hits: int
    misses: int


class VersionedLru(Generic[T]):
    """Keeps one version of each session's value; what was not asked for the longest goes first.

    Args:
        most: Values at most.
        most_weight: Weight of all of them at most; one that is heavier alone is not kept.
    """

    def __init__(self, most: int, most_weight: int = 0) -> None:
        self._most = most
        self._most_weight = most_weight
        self._weight = 0
        self._kept: OrderedDict[str, tuple[Hashable, int, T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, session_id: str, version: Hashable) -> T | None:
        """Return the value of this version; that of any other one is dropped."""
        kept = self._kept.get(session_id)
        if kept is None or kept[0] != version:
            self.drop(session_id)
            return None
        self._kept.move_to_end(session_id)
        return kept[2]

    def put(self, session_id: str, version: Hashable, value: T, weight: int = 0) -> None:
        """Keep a value in place of any other of its session."""
        self.drop(session_id)
        if weight > self._most_weight:
            return
        self._kept[session_id] = (version, weight, value)
        self._weight += weight
        while len(self._kept) > self._most or self._weight > self._most_weight:
            self.drop(next(iter(self._kept)))

    def drop(self, session_id: str) -> None:
        """Forget a session."""
        kept = self._kept.pop(session_id, None)
        if kept is not None:
            self._weight -= kept[1]


class LiveHistory:
    """Reads of one session; those of a live one come from memory while nothing changed.

    Args:
        history: Reads of the database.
        version_of: Tells a live session's version; asked before the database is read, so that
            what is read is of that version or newer.
        most_sessions: Sessions kept at most.
        most_segments: Segments of kept transcripts at most.
    """

    def __init__(
        self,
        history: SessionHistory,
        version_of: VersionOf,
        *,
        most_sessions: int = MOST_SESSIONS,
        most_segments: int = MOST_SEGMENTS,
    ) -> None:
        self._history = history
        self._version_of = version_of
        self._details = VersionedLru[SessionDetail](most_sessions)
        self._transcripts = VersionedLru[Transcript](most_sessions, most_segments)
        self._hits = 0
        self._misses = 0

    async def session(self, session_id: str) -> SessionDetail:
        """Return one session; raises NotFound."""
        version = await self._version(session_id)
        found = self._counted(self._details.get(session_id, version), version)
        if found is None:
            found = await self._history.session(session_id)
            if version is not None:
                self._details.put(session_id, version, found)
        return found

    async def transcript(self, session_id: str) -> Transcript:
        """Return the final segments with every translation, in order; raises NotFound."""
        version = await self._version(session_id)
        found = self._counted(self._transcripts.get(session_id, version), version)
        if found is None:
            found = await self._history.transcript(session_id)
            if version is not None:
                self._transcripts.put(session_id, version, found, len(found.segments))
        return found

    def load(self) -> CacheLoad:
        """Return the present reading."""
        entries = len(self._details) + len(self._transcripts)
        return CacheLoad(entries=entries, hits=self._hits, misses=self._misses)

    async def _version(self, session_id: str) -> Hashable | None:
        """Return the session's version; nothing is kept of a session without one."""
        version = await self._version_of(session_id)
        if version is None:
            self._details.drop(session_id)
            self._transcripts.drop(session_id)
        return version

    def _counted(self, found: T | None, version: Hashable | None) -> T | None:
        if version is not None:
            self._hits += found is not None
            self._misses += found is None
        return found
