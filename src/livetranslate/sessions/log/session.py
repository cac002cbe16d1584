"""One session of the in-process log: its state and the rules of changing it, without waiting.

Every method takes the time it needs as an argument, and either changes the session at once and
wholly or raises and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import msgspec

from livetranslate.domain.errors import (
    ClaimLost,
    InvalidInput,
    NotFound,
    SequenceGap,
    SessionBusy,
    SessionClosed,
)
from livetranslate.domain.events import SessionEnded, SessionEvent
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerEvidence
from livetranslate.sessions.log.backlog import Backlog
from livetranslate.sessions.log.base import (
    Appended,
    Checkpoint,
    Claim,
    LogEntry,
    LogOptions,
    SessionState,
)
from livetranslate.sessions.log.checks import check_chunk, check_events
from livetranslate.sessions.log.events import EventBuffer
from livetranslate.sessions.signal import Signal


class Phase(Enum):
    """Life of a logged session; it only moves forward."""

    OPEN = "open"
    ENDING = "ending"
    ENDED = "ended"
    REMOVED = "removed"


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """How a session begins.

    Attributes:
        session_id: The session.
        order: Place among all sessions.
        kind: ``browser``, ``api``, ``bot`` or ``telephony``.
        created_at: Unix seconds.
        config: What it asks for.
        feeder: The connection that feeds it from the start, if any.
        to_record: Whether its events are kept until they are in the database.
    """

    session_id: str
    order: int
    kind: str
    created_at: float
    config: SessionConfig
    feeder: str | None
    to_record: bool


class LoggedSession:
    """Entries, events, claim and checkpoint of one session.

    Attributes:
        entries_changed: Notified when there are new entries, or will never be any.
        events_changed: Notified when there are new events, or will never be any.
        room: Notified when a waiting append should try again.
    """

    def __init__(self, opening: Opening, options: LogOptions, *, now: float) -> None:
        self.session_id = opening.session_id
        self.order = opening.order
        self.phase = Phase.OPEN
        self.claim: Claim | None = None
        self.ended_at = 0.0
        self.entries_changed = Signal()
        self.events_changed = Signal()
        self.room = Signal()
        self._options = options
        self._opening = opening
        self._config = opening.config
        self._backlog = Backlog(opening.config, options)
        self._feeder = opening.feeder
        self._attended_at = now
        self._ending_at = now
        self._recorded = 0 if opening.to_record else -1
        self._recorder_at = now
        self._epoch = 0
        self._touched_at = now
        self._active_at = now
        self._ending: EndReason | None = None
        self._events = EventBuffer()

    @property
    def claimable(self) -> bool:
        """Whether a worker is wanted."""
        return self.claim is None and self.phase in (Phase.OPEN, Phase.ENDING)

    def state(self, now: float) -> SessionState:
        """Return what is known of the session."""
        return SessionState(
            session_id=self.session_id,
            kind=self._opening.kind,
            created_at=self._opening.created_at,
            config=self._config,
            next_seq=self._backlog.next_seq,
            samples=self._backlog.samples,
            buffered_s=self._backlog.buffered_s,
            last_event_id=self._events.last_id,
            worker_id=self.claim.worker_id if self.claim else None,
            epoch=self._epoch,
            attempts=self._backlog.attempts,
            ending=self._ending,
            ended=self.phase in (Phase.ENDED, Phase.REMOVED),
            idle_s=max(0.0, now - self._active_at),
            feeder=self._feeder,
            vacant_s=max(0.0, now - self._attended_at),
            ending_s=0.0 if self._ending is None else max(0.0, now - self._ending_at),
            recorded=self._recorded,
            recorder_s=max(0.0, now - self._recorder_at),
        )

    def keep_alive(self, now: float) -> None:
        """Note activity."""
        self._active_at = now

    # Feeding

    def attach(self, feeder: str, now: float) -> None:
        """Make a connection the feeder; nothing happens in an ending session."""
        if self.phase is Phase.OPEN:
            self._feeder = feeder
            self._attended_at = self._active_at = now

    def attend(self, feeder: str, now: float) -> bool:
        """Note that a feeder is there; return whether it (still) feeds the session."""
        if self.phase is not Phase.OPEN or self._feeder != feeder:
            return False
        self._attended_at = now
        return True

    def detach(self, feeder: str, now: float) -> bool:
        """Note that a feeder is gone; return whether it fed the session."""
        if self._feeder != feeder:
            return False
        self._feeder = None
        self._attended_at = now
        return True

    # Entries

    def append_audio(self, seq: int, pcm: bytes, feeder: str | None, now: float) -> Appended | None:
        """Take a chunk, or acknowledge one already had; None while there is no room for it."""
        self._check_present()
        check_chunk(seq, pcm)
        if feeder is not None:
            self._check_feeder(feeder)
            self._attended_at = now
        self._active_at = now
        backlog = self._backlog
        if seq >= backlog.next_seq:
            self._check_open()
            if seq > backlog.next_seq:
                raise SequenceGap(expected_seq=backlog.next_seq, got_seq=seq)
            if backlog.full:
                return None
            backlog.add_audio(pcm)
            self.entries_changed.notify()
        return Appended(backlog.next_seq - 1, backlog.buffered_s)

    def append_update(self, update: ConfigUpdate, now: float) -> bool | None:
        """Take a change of the configuration; None while there is no room for it."""
        self._check_present()
        self._check_open()
        self._active_at = now
        if self._backlog.full:
            return None
        self._config = update.apply(self._config)
        self._backlog.add_update(update)
        self.entries_changed.notify()
        return True

    def append_evidence(self, evidence: SpeakerEvidence, now: float) -> bool | None:
        """Take a hint at who somebody is; None while there is no room for it."""
        self._check_present()
        self._check_open()
        self._active_at = now
        if self._backlog.full:
            return None
        self._backlog.add_evidence(evidence)
        self.entries_changed.notify()
        return True

    def append_end(self, reason: EndReason, now: float) -> None:
        """Take nothing any more; nothing happens if that is so already."""
        if self.phase is not Phase.OPEN:
            return
        self.phase = Phase.ENDING
        self._ending_at = now
        self._ending = reason
        self._backlog.add_end(reason)
        self.entries_changed.notify()
        self.room.notify()

    def entries_after(self, position: int, limit: int) -> list[LogEntry] | None:
        """Return kept entries behind a position; None if there are none yet."""
        self._check_present()
        found = self._backlog.after(position, limit)
        return found if found or self.phase is Phase.ENDED else None

    # Claims

    def take(self, worker_id: str, now: float) -> Claim:
        """Give the session to a worker, from its checkpoint on."""
        self._epoch += 1
        self._touched_at = now
        self._backlog.restart()
        config, checkpoint = self._backlog.config, self._backlog.checkpoint
        self.claim = Claim(self.session_id, worker_id, self._epoch, config, checkpoint)
        return self.claim

    def touch(self, claim: Claim, now: float) -> None:
        """Note that the holder of the claim lives; raises ClaimLost for any other."""
        self._check_claim(claim)
        self._touched_at = now

    def holds(self, claim: Claim) -> bool:
        """Return whether this very claim is in force."""
        mine = self.claim
        return mine is not None and (mine.epoch, mine.worker_id) == (claim.epoch, claim.worker_id)

    # Events

    def append_events(
        self,
        claim: Claim,
        events: Sequence[SessionEvent],
        checkpoint: Checkpoint | None,
        processed: int | None,
        now: float,
    ) -> int:
        """Take a worker's events and progress in one step; return the newest event's number."""
        self._check_claim(claim)
        check_events(self.session_id, events)
        if not self._backlog.admits(checkpoint, processed):
            first, last = self._backlog.positions
            raise InvalidInput(
                f"the log of {self.session_id} holds the positions {first} to {last}",
                field="checkpoint" if checkpoint else "processed",
            )
        self._touched_at = now
        self._backlog.advance(checkpoint, processed)
        self.room.notify()
        return self._write(events, now)

    def append_system_events(self, events: Sequence[SessionEvent], now: float) -> int:
        """Take events that no worker wrote; return the newest event's number."""
        self._check_present()
        if self.phase is Phase.ENDED:
            raise SessionClosed(f"session {self.session_id} has ended; nothing can be added")
        check_events(self.session_id, events)
        return self._write(events, now)

    def events_after(self, event_id: int, limit: int) -> list[SessionEvent] | None:
        """Return kept events with greater numbers; None if there are none yet."""
        found = list(self._events.after(event_id, limit))
        if not found:
            self._check_present()
        return found if found or self.phase is Phase.ENDED else None

    def note_recorded(self, event_id: int, now: float) -> None:
        """Note how far the session is recorded."""
        self._recorded = max(self._recorded, event_id)
        self._recorder_at = now

    def remove(self) -> None:
        """Leave the log; whoever waits on the session is woken."""
        self._close(Phase.REMOVED)

    # By the clock

    def claim_stale(self, now: float) -> bool:
        """Return whether the holder of the claim has been silent for too long."""
        return self.claim is not None and now - self._touched_at > self._options.claim_ttl_s

    def idle(self, now: float) -> bool:
        """Return whether the session is open though nobody feeds or hears it."""
        silent_s = now - self._active_at
        return self.phase is Phase.OPEN and silent_s >= self._options.session_timeout_s

    def outlived(self, now: float) -> bool:
        """Return whether the session's events have been kept long enough after its end."""
        kept_s = now - self.ended_at
        needed = -1 < self._recorded < self._events.last_id
        enough_s = self._options.event_retention_s
        if needed:
            enough_s = max(enough_s, self._options.record_patience_s)
        return self.phase is Phase.ENDED and kept_s >= enough_s

    # Inside

    def _write(self, events: Sequence[SessionEvent], now: float) -> int:
        for event in events:
            self._events.append(event)
        if events and isinstance(events[-1], SessionEnded):
            if self._ending is None:
                self._ending_at = now
            self._ending = events[-1].reason
            self.ended_at = now
            self._close(Phase.ENDED)
        elif events:
            self.events_changed.notify()
        return self._events.last_id

    def _close(self, phase: Phase) -> None:
        self.phase = phase
        self.claim = None
        self._backlog.clear()
        for signal in (self.entries_changed, self.events_changed, self.room):
            signal.notify()

    def _check_present(self) -> None:
        if self.phase is Phase.REMOVED:
            raise NotFound(f"there is no session {self.session_id} (any more)", field="session_id")

    def _check_open(self) -> None:
        if self.phase is not Phase.OPEN:
            reason = self._ending.value if self._ending else "ended"
            raise SessionClosed(
                f"session {self.session_id} takes no more audio ({reason}); start a new one",
                field="session_id",
            )

    def _check_feeder(self, feeder: str) -> None:
        if self._feeder != feeder and self.phase is Phase.OPEN:
            who = "no connection" if self._feeder is None else "another connection"
            raise SessionBusy(
                f"{who} feeds session {self.session_id}; resume_session takes it over",
                field="session_id",
            )

    def _check_claim(self, claim: Claim) -> None:
        if not self.holds(claim):
            raise ClaimLost(
                f"worker {claim.worker_id} no longer holds session {self.session_id} "
                f"(its epoch {claim.epoch}, now {self._epoch})"
            )
