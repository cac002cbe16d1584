"""The session log of one process: everything in memory, for an installation on one machine.

It outlives the death of every worker and every connection, not that of its own process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from livetranslate.domain.errors import ClaimLost, Conflict, NotFound, Overloaded
from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerEvidence
from livetranslate.sessions.clock import Clock, SystemClock
from livetranslate.sessions.log.base import (
    Appended,
    Checkpoint,
    Claim,
    DeadLetter,
    LogEntry,
    LogOptions,
    SessionState,
)
from livetranslate.sessions.log.session import LoggedSession, Opening, Phase
from livetranslate.sessions.signal import Signal

MAX_DEAD_LETTERS = 1000


class MemorySessionLog:
    """A ``SessionLog`` in memory; to be used from one event loop.

    Args:
        options: Bounds and times.
        clock: Tells the time; the machine's by default.
    """

    def __init__(self, options: LogOptions | None = None, *, clock: Clock | None = None) -> None:
        self._options = options or LogOptions()
        self._clock = clock or SystemClock()
        self._sessions: dict[str, LoggedSession] = {}
        self._created = 0
        self._offers: dict[int, LoggedSession] = {}
        self._offered = Signal()
        self._dead = deque[DeadLetter](maxlen=MAX_DEAD_LETTERS)
        self._leader: tuple[str, float] = ("", 0.0)

    async def create(
        self,
        session_id: str,
        config: SessionConfig,
        *,
        kind: str = "api",
        feeder: str | None = None,
        to_record: bool = False,
    ) -> SessionState:
        """Open a session and offer it to the workers; raises Conflict, Overloaded."""
        if session_id in self._sessions:
            raise Conflict(f"there is a session {session_id} already", field="session_id")
        if self._open_sessions() >= self._options.max_sessions:
            raise Overloaded(
                f"{self._options.max_sessions} sessions are open, which is the limit here; "
                "try again when one has ended",
                retry_after_s=5.0,
            )
        now = self._clock.monotonic()
        self._created += 1
        opening = Opening(
            session_id=session_id,
            order=self._created,
            kind=kind,
            created_at=self._clock.utc().timestamp(),
            config=config,
            feeder=feeder,
            to_record=to_record,
        )
        session = LoggedSession(opening, self._options, now=now)
        self._sessions[session_id] = session
        self._offer(session)
        return session.state(now)

    async def attach(self, session_id: str, feeder: str) -> SessionState:
        """Make a connection the feeder, in place of any other."""
        session = self._find(session_id)
        now = self._clock.monotonic()
        session.attach(feeder, now)
        return session.state(now)

    async def attend(self, feeders: Mapping[str, str]) -> frozenset[str]:
        """Say that feeders are still there; return the sessions that they no longer feed."""
        now = self._clock.monotonic()
        found = {session_id: self._sessions.get(session_id) for session_id in feeders}
        return frozenset(
            session_id
            for session_id, session in found.items()
            if session is None or not session.attend(feeders[session_id], now)
        )

    async def detach(self, session_id: str, feeder: str) -> bool:
        """Note that a feeder is gone."""
        return self._find(session_id).detach(feeder, self._clock.monotonic())

    async def append_audio(
        self, session_id: str, seq: int, pcm: bytes, *, feeder: str | None = None
    ) -> Appended:
        """Append one chunk and return once it is safe, which may take until there is room."""
        session = self._find(session_id)
        appended = await session.room.poll(
            lambda: session.append_audio(seq, pcm, feeder, self._clock.monotonic()), None
        )
        assert appended is not None  # noqa: S101 - a poll without a time limit ends with a value
        return appended

    async def append_update(self, session_id: str, update: ConfigUpdate) -> None:
        """Append a change of the configuration."""
        session = self._find(session_id)
        await session.room.poll(
            lambda: session.append_update(update, self._clock.monotonic()), None
        )

    async def append_evidence(self, session_id: str, evidence: SpeakerEvidence) -> None:
        """Append a hint at who somebody is."""
        session = self._find(session_id)
        await session.room.poll(
            lambda: session.append_evidence(evidence, self._clock.monotonic()), None
        )

    async def append_end(self, session_id: str, reason: EndReason) -> None:
        """Take no more audio for a session."""
        self._find(session_id).append_end(reason, self._clock.monotonic())

    async def read_entries(
        self, session_id: str, after: int, *, wait_s: float = 0.0, limit: int = 256
    ) -> list[LogEntry]:
        """Return entries behind a position; at once if none will ever follow."""
        session = self._find(session_id)
        found = await session.entries_changed.poll(
            lambda: session.entries_after(after, limit), wait_s
        )
        return found or []

    async def claim(self, worker_id: str, *, wait_s: float = 0.0) -> Claim | None:
        """Take the oldest session that has no worker; workers that wait are served in order."""
        return await self._offered.poll(lambda: self._take(worker_id), wait_s)

    async def touch(self, claim: Claim) -> None:
        """Keep a claim alive."""
        self._claimed(claim).touch(claim, self._clock.monotonic())

    async def release(self, claim: Claim) -> None:
        """Give a session back; nothing happens if the claim is no longer in force."""
        session = self._sessions.get(claim.session_id)
        if session is not None and session.holds(claim):
            self._reoffer(session)

    async def release_worker(self, worker_id: str) -> int:
        """Give back every session of a worker that is known to be gone."""
        held = [
            session
            for session in self._sessions.values()
            if session.claim is not None and session.claim.worker_id == worker_id
        ]
        for session in held:
            self._reoffer(session)
        return len(held)

    async def append_events(
        self,
        claim: Claim,
        events: list[SessionEvent],
        *,
        checkpoint: Checkpoint | None = None,
        processed: int | None = None,
    ) -> int:
        """Append a worker's events and progress in one step."""
        return self._claimed(claim).append_events(
            claim, events, checkpoint, processed, self._clock.monotonic()
        )

    async def append_system_events(self, session_id: str, events: list[SessionEvent]) -> int:
        """Append events that no worker wrote."""
        return self._find(session_id).append_system_events(events, self._clock.monotonic())

    async def read_events(
        self, session_id: str, after: int, *, wait_s: float = 0.0, limit: int = 1024
    ) -> list[SessionEvent]:
        """Return events with ids above ``after``; at once if none will ever follow."""
        session = self._find(session_id)
        found = await session.events_changed.poll(
            lambda: session.events_after(after, limit), wait_s
        )
        return found or []

    async def note_recorded(self, session_id: str, event_id: int) -> None:
        """Note how far a session is in the database."""
        self._find(session_id).note_recorded(event_id, self._clock.monotonic())

    async def state(self, session_id: str) -> SessionState:
        """Return what is known of a session."""
        return self._find(session_id).state(self._clock.monotonic())

    async def sessions(self) -> list[SessionState]:
        """Return all sessions, oldest first."""
        now = self._clock.monotonic()
        return [session.state(now) for session in self._sessions.values()]

    async def keep_alive(self, session_id: str) -> None:
        """Note a listener's activity."""
        self._find(session_id).keep_alive(self._clock.monotonic())

    async def delete(self, session_id: str) -> None:
        """Remove a session; readers that wait get what is new for them, then NotFound."""
        self._remove(self._find(session_id))

    async def bury(self, letter: DeadLetter) -> None:
        """Keep a note of a session that was given up."""
        self._dead.appendleft(letter)

    async def dead_letters(self) -> list[DeadLetter]:
        """Return the notes, newest first."""
        return list(self._dead)

    async def lead(self, holder: str, ttl_s: float) -> bool:
        """Return whether this holder is the one that looks after all sessions now."""
        now = self._clock.monotonic()
        leader, until = self._leader
        if leader != holder and now < until:
            return False
        self._leader = (holder, now + ttl_s)
        return True

    async def sweep(self) -> None:
        """Do what is due by the clock."""
        now = self._clock.monotonic()
        for session in list(self._sessions.values()):
            if session.claim_stale(now):
                self._reoffer(session)
            if session.idle(now):
                session.append_end(EndReason.EXPIRED, now)
            if session.outlived(now):
                self._remove(session)

    def _find(self, session_id: str) -> LoggedSession:
        session = self._sessions.get(session_id)
        if session is None:
            raise NotFound(f"there is no session {session_id} (any more)", field="session_id")
        return session

    def _claimed(self, claim: Claim) -> LoggedSession:
        session = self._sessions.get(claim.session_id)
        if session is None:
            raise ClaimLost(f"session {claim.session_id} was removed")
        return session

    def _open_sessions(self) -> int:
        over = (Phase.ENDED, Phase.REMOVED)
        return sum(session.phase not in over for session in self._sessions.values())

    def _remove(self, session: LoggedSession) -> None:
        del self._sessions[session.session_id]
        self._offers.pop(session.order, None)
        session.remove()

    def _offer(self, session: LoggedSession) -> None:
        self._offers[session.order] = session
        self._offered.notify()

    def _reoffer(self, session: LoggedSession) -> None:
        session.claim = None
        self._offer(session)

    def _take(self, worker_id: str) -> Claim | None:
        while self._offers:
            session = self._offers.pop(min(self._offers))
            if session.claimable:
                return session.take(worker_id, self._clock.monotonic())
        return None
