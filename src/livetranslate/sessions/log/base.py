"""The contract of every session log.

A session's log holds two ordered lists: **entries** (what the edge brought: audio chunks, changes
of the configuration, the end) and **events** (what the worker made of them). Appending is what
``audio_ack`` confirms. A worker owns a session through a **claim** with an epoch; a worker whose
claim was given to another can write nothing more (``ClaimLost``). Beside the lists stands a
**checkpoint**, from which any other worker goes on.

Both lists are bounded. Entries are dropped once a checkpoint has passed them; an append waits while
the backlog is full (overflow policy: block the feeder, never drop). So a worker has to move its
checkpoint on at least once every ``max_backlog_s`` of audio, in silence too. Previews among the
events are dropped once superseded; final ones stay while the session lives and
``event_retention_s`` after.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import msgspec

from livetranslate.domain.audio import AudioChunk
from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and times of a session log.

    Attributes:
        slow_down_s: Seconds of unprocessed audio from which a feeder is asked to slow down.
        max_backlog_s: Seconds of unprocessed audio at which an append waits; of audio that no
            checkpoint has passed, twice as many.
        max_entries: Entries that no checkpoint has passed, at which an append waits.
        claim_ttl_s: A claim not touched for so long is given to another worker.
        session_timeout_s: A session without audio or listeners for so long expires.
        event_retention_s: Events are readable for so long after the session's end.
        max_sessions: Open sessions at most; one more is refused with Overloaded.
    """

    slow_down_s: float = 30.0
    max_backlog_s: float = 120.0
    max_entries: int = 20_000
    claim_ttl_s: float = 3.0
    session_timeout_s: float = 1800.0
    event_retention_s: float = 600.0
    max_sessions: int = 1000


class AudioEntry(msgspec.Struct, frozen=True, tag="audio", array_like=True):
    """Audio at a position of the log."""

    position: int
    chunk: AudioChunk


class UpdateEntry(msgspec.Struct, frozen=True, tag="update", array_like=True):
    """A change of the configuration, in force for everything behind it."""

    position: int
    update: ConfigUpdate


class EndEntry(msgspec.Struct, frozen=True, tag="end", array_like=True):
    """Nothing follows."""

    position: int
    reason: EndReason


LogEntry = AudioEntry | UpdateEntry | EndEntry


class Appended(msgspec.Struct, frozen=True):
    """Answer to an append.

    Attributes:
        seq: Newest chunk that is safe; everything up to it is acknowledged.
        buffered_s: Seconds of audio that no worker has processed yet.
    """

    seq: int
    buffered_s: float


class Checkpoint(msgspec.Struct, frozen=True):
    """Where another worker would go on.

    Attributes:
        position: Entries up to and including this one are not needed any more (-1: all are).
        state: The worker's own state, opaque to the log.
    """

    position: int
    state: bytes


class Claim(msgspec.Struct, frozen=True):
    """A worker's right to a session.

    Attributes:
        session_id: The session.
        worker_id: Who holds it.
        epoch: Rises with each claim of the session; writes of an older one are refused.
        config: Configuration in force at the checkpoint; updates behind it are entries.
        checkpoint: Where the previous worker got to, or None.
    """

    session_id: str
    worker_id: str
    epoch: int
    config: SessionConfig
    checkpoint: Checkpoint | None


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """What a log knows of a session.

    Attributes:
        session_id: The session.
        config: Configuration with every update applied.
        next_seq: Chunk expected next.
        samples: Samples taken so far (16 kHz).
        buffered_s: Seconds of audio that no worker has processed yet.
        last_event_id: Newest event.
        worker_id: Holder of the claim, or None while queued.
        epoch: Of the newest claim; 0 before the first.
        attempts: Claims since a worker last processed an entry that none had processed before.
        ending: Why no more audio is taken, or None.
        ended: Whether the last event (``session_ended``) is written.
        idle_s: Seconds since the last audio or listener's activity.
    """

    session_id: str
    config: SessionConfig
    next_seq: int
    samples: int
    buffered_s: float
    last_event_id: int
    worker_id: str | None
    epoch: int
    attempts: int
    ending: EndReason | None
    ended: bool
    idle_s: float


class SessionLog(Protocol):
    """The log of every session of an installation; all methods raise NotFound for unknown ids."""

    async def create(self, session_id: str, config: SessionConfig) -> SessionState:
        """Open a session and offer it to the workers.

        Raises:
            Conflict: The log holds the id already.
            Overloaded: ``max_sessions`` are open.
        """
        ...

    async def append_audio(self, session_id: str, seq: int, pcm: bytes) -> Appended:
        """Append one chunk (s16le mono 16 kHz, maybe empty) and return once it is safe.

        A chunk already had is acknowledged again and ignored, in an ending session too. Waits while
        ``max_backlog_s`` is reached. Append one chunk of a session after the other. Raises
        SequenceGap, SessionClosed, InvalidInput.
        """
        ...

    async def append_update(self, session_id: str, update: ConfigUpdate) -> None:
        """Append a change of the configuration; raises SessionClosed."""
        ...

    async def append_end(self, session_id: str, reason: EndReason) -> None:
        """Take no more audio; the worker flushes and writes ``session_ended``. Idempotent."""
        ...

    async def read_entries(
        self, session_id: str, after: int, *, wait_s: float = 0.0, limit: int = 256
    ) -> list[LogEntry]:
        """Return entries behind position ``after`` (-1: from the first kept), oldest first.

        Waits up to ``wait_s`` seconds for one if there is none and one may still come.
        """
        ...

    async def claim(self, worker_id: str, *, wait_s: float = 0.0) -> Claim | None:
        """Take the oldest session that has no worker, waiting up to ``wait_s`` seconds for one."""
        ...

    async def touch(self, claim: Claim) -> None:
        """Keep a claim alive; raises ClaimLost."""
        ...

    async def release(self, claim: Claim) -> None:
        """Give a session back, to be claimed by any worker; it goes on from its checkpoint.

        Nothing happens if the claim is no longer in force.
        """
        ...

    async def append_events(
        self,
        claim: Claim,
        events: list[SessionEvent],
        *,
        checkpoint: Checkpoint | None = None,
        processed: int | None = None,
    ) -> int:
        """Append events and set the checkpoint in one step; return the newest event id.

        Numbers the events. ``processed`` is the position up to which entries were taken in, for
        ``buffered_s``. A ``session_ended`` among the events closes the session and its claim.
        Raises ClaimLost.
        """
        ...

    async def append_system_events(self, session_id: str, events: list[SessionEvent]) -> int:
        """Append events that no worker wrote (queue position, a manual speaker name).

        A ``session_ended`` closes the session and takes it from its worker. Raises SessionClosed
        once that is written.
        """
        ...

    async def read_events(
        self, session_id: str, after: int, *, wait_s: float = 0.0, limit: int = 1024
    ) -> list[SessionEvent]:
        """Return events with ids above ``after``, oldest first, waiting up to ``wait_s``.

        Does not wait once the session has ended. A reader that waits while the session is removed
        gets the events that are new to it; the next call raises NotFound.
        """
        ...

    async def state(self, session_id: str) -> SessionState:
        """Return what is known of a session."""
        ...

    async def sessions(self) -> list[SessionState]:
        """Return all sessions that the log still holds, oldest first."""
        ...

    async def keep_alive(self, session_id: str) -> None:
        """Note a listener's activity, so that the session does not expire."""
        ...

    async def delete(self, session_id: str) -> None:
        """Remove a session with everything in it; its worker's next write gets ClaimLost."""
        ...

    async def sweep(self, *, keep: Collection[str] = ()) -> None:
        """Do what is due by the clock; to be called about once a second.

        Takes back claims not touched for ``claim_ttl_s``, ends sessions idle for
        ``session_timeout_s`` (reason ``expired``), and removes those that ended
        ``event_retention_s`` ago.

        Args:
            keep: Ids of ended sessions whose events somebody still needs.
        """
        ...
