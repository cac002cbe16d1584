"""The contract of every session log.

A session's log holds two ordered lists: **entries** (what the edge brought: audio chunks, changes
of the configuration, hints at who speaks, the end) and **events** (what the worker made of them).
Appending is what ``audio_ack`` confirms. A worker owns a session through a **claim** with an epoch;
a worker whose claim was given to another can write nothing more (``ClaimLost``). Beside the lists
stands a **checkpoint**, from which any other worker goes on.

A session has one **feeder** at a time, a name that its edge made for a connection. It is attached
to the session, and audio of any other is refused, wherever in the installation that one is
connected. The edge attends to its feeders every few seconds; one that nobody attends to any more
(its process died) counts as gone since then.

Both lists are bounded. Entries are dropped once a checkpoint has passed them; an append waits while
the backlog is full (overflow policy: block the feeder, never drop). So a worker has to move its
checkpoint on at least once every ``max_backlog_s`` of audio, in silence too. Previews among the
events are dropped once superseded; final ones stay while the session lives and
``event_retention_s`` after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from livetranslate.domain.audio import AudioChunk
from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerEvidence


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
        record_patience_s: Events that are to be recorded are kept for so long after the session's
            end, if nobody manages to record them.
        max_sessions: Open sessions at most; one more is refused with Overloaded.
    """

    slow_down_s: float = 30.0
    max_backlog_s: float = 120.0
    max_entries: int = 20_000
    claim_ttl_s: float = 3.0
    session_timeout_s: float = 1800.0
    event_retention_s: float = 600.0
    record_patience_s: float = 7200.0
    max_sessions: int = 1000


class AudioEntry(msgspec.Struct, frozen=True, tag="audio", array_like=True):
    """Audio at a position of the log."""

    position: int
    chunk: AudioChunk


class UpdateEntry(msgspec.Struct, frozen=True, tag="update", array_like=True):
    """A change of the configuration, in force for everything behind it."""

    position: int
    update: ConfigUpdate


class EvidenceEntry(msgspec.Struct, frozen=True, tag="evidence", array_like=True):
    """A hint at who somebody is."""

    position: int
    evidence: SpeakerEvidence


class EndEntry(msgspec.Struct, frozen=True, tag="end", array_like=True):
    """Nothing follows."""

    position: int
    reason: EndReason


LogEntry = AudioEntry | UpdateEntry | EvidenceEntry | EndEntry


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


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was given up, for the operator.

    Attributes:
        session_id: The session.
        at: Unix seconds.
        code: Code of the error that the session was told.
        reason: The error's message.
        attempts: Workers lost over it in a row.
    """

    session_id: str
    at: float
    code: str
    reason: str
    attempts: int


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """What a log knows of a session.

    Attributes:
        session_id: The session.
        kind: ``browser``, ``api``, ``bot`` or ``telephony``.
        created_at: Unix seconds.
        config: Configuration with every update applied.
        next_seq: Chunk expected next.
        samples: Samples taken so far (16 kHz).
        buffered_s: Seconds of audio that no worker has processed yet.
        last_event_id: Newest event.
        worker_id: Holder of the claim, or None while queued.
        epoch: Of the newest claim; 0 before the first.
        attempts: Claims since a worker last processed an entry that none had processed before.
        ending: Why no more audio is taken, or None; once it has ended, the reason that its last
            event tells.
        ended: Whether the last event (``session_ended``) is written.
        idle_s: Seconds since the last audio or listener's activity.
        feeder: The connection that feeds it, or None.
        vacant_s: Seconds since a feeder was last known to be there.
        ending_s: Seconds since no more audio is taken; 0 while it is.
        recorded: Newest event that is in the database; -1 for a session of which nothing is kept.
        recorder_s: Seconds since somebody recorded the session or said to be at it.
    """

    session_id: str
    kind: str
    created_at: float
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
    feeder: str | None
    vacant_s: float
    ending_s: float
    recorded: int
    recorder_s: float


class SessionLog(Protocol):
    """The log of every session of an installation; all methods raise NotFound for unknown ids."""

    # Feeding

    async def create(
        self,
        session_id: str,
        config: SessionConfig,
        *,
        kind: str = "api",
        feeder: str | None = None,
        to_record: bool = False,
    ) -> SessionState:
        """Open a session and offer it to the workers.

        Args:
            session_id: The session.
            config: What it asks for.
            kind: ``browser``, ``api``, ``bot`` or ``telephony``.
            feeder: The connection that feeds it from the start, if any.
            to_record: Whether its events are kept until they are in the database.

        Raises:
            Conflict: The log holds the id already.
            Overloaded: ``max_sessions`` are open.
        """
        ...

    async def attach(self, session_id: str, feeder: str) -> SessionState:
        """Make a connection the feeder, in place of any other; nothing in an ending session."""
        ...

    async def attend(self, feeders: Mapping[str, str]) -> frozenset[str]:
        """Say that feeders are still there.

        Args:
            feeders: The feeder of each session.

        Returns:
            Those of the sessions that have another feeder now, take no more audio or are gone.
        """
        ...

    async def detach(self, session_id: str, feeder: str) -> bool:
        """Note that a feeder is gone; False if it feeds the session no more anyway."""
        ...

    async def append_audio(
        self, session_id: str, seq: int, pcm: bytes, *, feeder: str | None = None
    ) -> Appended:
        """Append one chunk (s16le mono 16 kHz, maybe empty) and return once it is safe.

        A chunk already had is acknowledged again and ignored, in an ending session too. Waits while
        ``max_backlog_s`` is reached. Append one chunk of a session after the other.

        Args:
            session_id: The session.
            seq: Number of the chunk, from 0 without gaps.
            pcm: Samples.
            feeder: Who brings it; None for whoever feeds the session.

        Raises:
            SessionBusy: Another connection feeds the session, or none.
            SequenceGap: A chunk is missing.
            SessionClosed: It takes no more audio.
            InvalidInput: The chunk makes no sense.
            BackendUnavailable: The log cannot be reached; whether it has the chunk is not known.
        """
        ...

    async def append_update(self, session_id: str, update: ConfigUpdate) -> None:
        """Append a change of the configuration; raises SessionClosed."""
        ...

    async def append_evidence(self, session_id: str, evidence: SpeakerEvidence) -> None:
        """Append a hint at who somebody is; raises SessionClosed once the session ends.

        The worker that holds the claim draws the conclusions and writes them as ``speaker_update``,
        so that they keep their order with the segments.
        """
        ...

    async def append_end(self, session_id: str, reason: EndReason) -> None:
        """Take no more audio; the worker flushes and writes ``session_ended``. Idempotent."""
        ...

    # Working

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

    async def release_worker(self, worker_id: str) -> int:
        """Give back every session of a worker that is known to be gone; return how many."""
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

    # Events

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

    async def note_recorded(self, session_id: str, event_id: int) -> None:
        """Note that events up to this one are in the database, or that somebody is at it."""
        ...

    # Keeping

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

    async def bury(self, letter: DeadLetter) -> None:
        """Keep a note of a session that was given up; the newest thousand are kept."""
        ...

    async def dead_letters(self) -> list[DeadLetter]:
        """Return the notes of sessions that were given up, newest first."""
        ...

    async def lead(self, holder: str, ttl_s: float) -> bool:
        """Return whether this holder is the one that looks after all sessions now.

        Whoever is told so stays it for ``ttl_s`` seconds from then on, and longer by asking again.
        """
        ...

    async def sweep(self) -> None:
        """Do what is due by the clock; to be called about once a second.

        Takes back claims not touched for ``claim_ttl_s``, ends sessions idle for
        ``session_timeout_s`` (reason ``expired``), and removes those that ended
        ``event_retention_s`` ago, if what was to be recorded of them is (or ``record_patience_s``
        have passed).
        """
        ...
