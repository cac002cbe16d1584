"""The life of live sessions, whatever protocol their clients speak.

An edge opens a session for a connection (its **feeder**), feeds it, and tells when the connection
is gone; hubs read the events from the log itself. The manager sees to everything between: the
database row before the first audio, one feeder at a time, the time in which a lost feeder may come
back, the place in the queue, expiry, the recording of what is final, and an end for every session.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

import structlog

from livetranslate.audio.enhancement.presets import AudioPresets, NamedPresets
from livetranslate.domain.audio import BYTES_PER_SAMPLE
from livetranslate.domain.errors import (
    BackendUnavailable,
    Conflict,
    LiveTranslateError,
    NotFound,
    Overloaded,
    SessionBusy,
    SessionClosed,
)
from livetranslate.domain.events import SessionError
from livetranslate.domain.recording import AudioArchive
from livetranslate.domain.session import (
    ConfigUpdate,
    EndReason,
    SessionConfig,
    check_config,
    check_session_id,
    new_session_id,
)
from livetranslate.domain.speakers import SpeakerEvidence, check_evidence
from livetranslate.sessions.chronicle import Chronicle
from livetranslate.sessions.clock import Clock, SystemClock
from livetranslate.sessions.feeding import Feeder, FeedSlot, FeedSlots
from livetranslate.sessions.keeper import Duty, Keeper, KeeperOptions
from livetranslate.sessions.log.base import Appended, SessionLog, SessionState
from livetranslate.sessions.notes import SessionNotes
from livetranslate.sessions.recorder import Recorder, RecorderOptions, RecorderState, Watcher
from livetranslate.sessions.recording import Recordings
from livetranslate.sessions.records import SessionRecords

_log = structlog.get_logger(__name__)


class ManagerOptions(KeeperOptions, frozen=True, kw_only=True):
    """Times of the manager.

    Attributes:
        recorder: How the database is written to.
        sessions_stay: Whether sessions go on without this process: their log is shared with others
            and outlives it. Else they are ended when it stops.
        first_retry_s: Pause before a chunk is given again to a log that is away; it doubles with
            each further one.
        longest_retry_s: The longest pause.
    """

    recorder: RecorderOptions = RecorderOptions()
    sessions_stay: bool = False
    first_retry_s: float = 0.1
    longest_retry_s: float = 1.0


class SessionManager:
    """Opens, feeds and ends live sessions; to be used from one event loop.

    Args:
        log: The sessions' logs.
        records: The database, or None to keep nothing.
        notes: What notes how sessions fare, or None.
        duties: What is done besides while this process looks after all sessions.
        options: Times.
        clock: Tells the time; the machine's by default.
        presets: Knows which audio presets there are.
        watcher: Is told of events once they are in the database.
        archive: Where the audio of sessions is kept that ask for it; None to keep none.
    """

    def __init__(
        self,
        log: SessionLog,
        records: SessionRecords | None = None,
        *,
        notes: SessionNotes | None = None,
        duties: Sequence[Duty] = (),
        options: ManagerOptions | None = None,
        clock: Clock | None = None,
        presets: AudioPresets | None = None,
        watcher: Watcher | None = None,
        archive: AudioArchive | None = None,
    ) -> None:
        self.options = options or ManagerOptions()
        self._presets = presets or NamedPresets()
        self._recordings = Recordings(archive, self._tell) if archive else None
        self.log = log
        self._records = records
        self._clock = clock or SystemClock()
        self._slots = FeedSlots()
        self._name = f"edge-{secrets.token_hex(6)}"
        self._numbers = count(1)
        self._detaching: set[asyncio.Task[None]] = set()
        self._opening: dict[str, asyncio.Task[SessionState]] = {}
        self._accepting = True
        self._chronicle = Chronicle(notes, self._clock)
        self._recorder = (
            Recorder(
                log,
                records,
                chronicle=self._chronicle,
                clock=self._clock,
                options=self.options.recorder,
                watcher=watcher,
            )
            if records
            else None
        )
        self._keeper = Keeper(
            log,
            self._slots,
            self._recorder,
            chronicle=self._chronicle,
            duties=duties,
            clock=self._clock,
            options=self.options,
        )
        self._upkeep: asyncio.Task[None] | None = None

    # Running

    def start(self) -> None:
        """Begin with the upkeep, in the running loop."""
        if self._upkeep is None:
            self._upkeep = asyncio.create_task(self._keeper.run(), name="session upkeep")

    async def close(self, grace_s: float = 20.0) -> None:
        """Open nothing more; end every session and write it down, unless they stay.

        Args:
            grace_s: Seconds the workers have to finish, and then the database.
        """
        self._accepting = False
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        if self._recordings is not None:
            await self._recordings.close(grace_s)
        if self.options.sessions_stay:
            leaving = [self._detach(name, of) for of, name in self._slots.names().items()]
            await asyncio.gather(*leaving, *self._detaching, return_exceptions=True)
        else:
            await self._keeper.finish(grace_s)
            if self._recorder is not None and not await self._recorder.drain(grace_s):
                left = len(self._recorder.unfinished)
                _log.error("stopped before all was written", sessions=left)
        if self._recorder is not None:
            await self._recorder.close()
        await self._chronicle.close(grace_s)
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.gather(self._upkeep, return_exceptions=True)

    @property
    def accepting(self) -> bool:
        """Whether new sessions are opened; False once ``close`` was called."""
        return self._accepting

    @property
    def leads(self) -> bool:
        """Whether this process looks after all sessions of the log at the moment."""
        return self._keeper.leads

    def recorder_state(self) -> RecorderState | None:
        """Return how writing to the database goes, or None without a database."""
        return self._recorder.state() if self._recorder else None

    # For edges

    async def open(
        self, session_id: str | None, config: SessionConfig, *, kind: str, feeder: Feeder
    ) -> SessionState:
        """Open a session that this connection feeds; its row is in the database first.

        Args:
            session_id: The client's own id, or None to have one made.
            config: What the client asks for.
            kind: ``browser``, ``api``, ``bot`` or ``telephony``.
            feeder: The connection.

        Raises:
            InvalidInput: The id or a value of the configuration; ``field`` names it.
            SessionBusy: There is a live session of this id; ``resume`` takes it over.
            Conflict: There was a session of this id.
            Overloaded: As many sessions as allowed are open, or the service is stopping.
        """
        if not self._accepting:
            raise Overloaded("the service is stopping; connect again", retry_after_s=2.0)
        check_config(config)
        self._presets.parameters(config.preset)
        if session_id is None:
            entropy = secrets.token_bytes(8)
            session_id = new_session_id(int(self._clock.utc().timestamp()), entropy)
        elif check_session_id(session_id) in self._opening:
            raise SessionBusy(f"session {session_id} is being opened", field="session_id")
        opening = asyncio.create_task(self._open(session_id, config, kind, feeder))
        self._opening[session_id] = opening
        opening.add_done_callback(lambda _: self._opening.pop(session_id))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The caller went away in the middle: what it opened is a session without feeder.
            opening.add_done_callback(lambda _: self._vacate(session_id, feeder))
            raise

    async def feed(self, session_id: str, feeder: Feeder, seq: int | None, pcm: bytes) -> Appended:
        """Append one chunk and return once it is safe; may wait while the backlog is full.

        Args:
            session_id: The session.
            feeder: The connection that opened or resumed it.
            seq: Number of the chunk; None for the one after the feeder's last.
            pcm: Samples, s16le mono 16 kHz; may be empty.

        Raises:
            NotFound: There is no such session (any more).
            SessionBusy: Another connection feeds it, or none since this one was declared gone.
            SessionClosed: It takes no more audio.
            SequenceGap: Chunks are missing; ``expected_seq`` is the next one.
        """
        slot = self._slots.get(session_id)
        if slot is None:
            raise await self._unfed(session_id)
        async with slot.turn:
            slot.check(feeder)
            wanted = slot.next_seq if seq is None else seq
            arrived_s = self._clock.utc().timestamp()
            try:
                appended = await self._append(slot, wanted, pcm)
            except SessionBusy:
                self._slots.lose(session_id, slot.name, taken_over=True)
                if self._recordings is not None:
                    self._recordings.finish(session_id)
                raise
            if wanted >= slot.next_seq:
                self._chronicle.audio(slot, len(pcm) // BYTES_PER_SAMPLE, arrived_s)
                if self._recordings is not None:
                    self._recordings.accept(session_id, pcm)
            slot.next_seq = appended.seq + 1
            return appended

    async def resume(self, session_id: str, feeder: Feeder) -> SessionState:
        """Make a connection the feeder of a session, in place of any other, which is told.

        Returns:
            The session's state; the feeder goes on with chunk ``next_seq``. A session that is
            ending or has ended is not fed again (``ending`` says why), but its missed events can
            be read. Raises NotFound.
        """
        name = self._feeder_name()
        state = await self.log.attach(session_id, name)
        if state.ending is not None:
            return state
        slot = FeedSlot(session_id, feeder, name, next_seq=state.next_seq, samples=state.samples)
        self._slots.put(slot)
        self._chronicle.tell(session_id, "session_resumed", next_seq=state.next_seq)
        if self._recordings is not None:
            self._recordings.begin(session_id, state.config, start=state.samples)
        _log.info("session resumed", session_id=session_id, next_seq=state.next_seq)
        return state

    async def feeder_gone(self, session_id: str, feeder: Feeder) -> None:
        """Note that a connection is lost: its session waits ``resume_window_s``, then it ends.

        Nothing happens if the connection does not feed the session (any more).
        """
        slot = self._slots.drop(session_id, feeder)
        if slot is not None:
            self._chronicle.left(slot)
            await self._detach(slot.name, session_id)

    async def leave(self, session_id: str, feeder: Feeder) -> None:
        """Note that a connection wants no more of a session; as if it were gone from it."""
        await self.feeder_gone(session_id, feeder)

    async def update(self, session_id: str, update: ConfigUpdate) -> None:
        """Change a session from here on; raises NotFound, SessionClosed, InvalidInput."""
        state = await self.log.state(session_id)
        config = check_config(update.apply(state.config))
        self._presets.parameters(config.preset)
        await self.log.append_update(session_id, update)

    async def add_evidence(self, session_id: str, evidence: SpeakerEvidence) -> None:
        """Hint at who somebody in a live session is; raises NotFound, SessionClosed, InvalidInput.

        What follows from it is told as ``speaker_update``.
        """
        await self.log.append_evidence(session_id, check_evidence(evidence))

    async def end(self, session_id: str, reason: EndReason = EndReason.CLIENT_ENDED) -> None:
        """Take no more audio; ``session_ended`` follows what is still to come. Idempotent.

        Raises NotFound.
        """
        if self._recordings is not None:
            if reason is EndReason.DELETED:
                await self._recordings.discard(session_id)
            else:
                self._recordings.finish(session_id)
        await self.log.append_end(session_id, reason)
        if (slot := self._slots.get(session_id)) is not None:
            self._chronicle.left(slot)

    async def keep_alive(self, session_id: str) -> None:
        """Note a listener's activity; raises NotFound."""
        await self.log.keep_alive(session_id)

    async def state(self, session_id: str) -> SessionState:
        """Return what is known of a live or lately ended session; raises NotFound."""
        return await self.log.state(session_id)

    async def sessions(self) -> list[SessionState]:
        """Return the live and lately ended sessions, oldest first."""
        return await self.log.sessions()

    async def delete(self, session_id: str) -> None:
        """Remove a session everywhere: its log, its worker's claim, its rows.

        Listeners that wait for events get ``session_ended`` with reason ``deleted``, all others
        NotFound. May be repeated after an error. Raises NotFound without a database if the log
        does not know the session.
        """
        if self._recorder is not None:
            await self._recorder.forget(session_id)
        self._slots.forget(session_id)
        try:
            with suppress(SessionClosed):
                await self._keeper.close_session(session_id, EndReason.DELETED)
        except NotFound:
            if self._records is None:
                raise
            await self._records.delete(session_id)
            return
        if self._records is not None:
            await self._records.delete(session_id)
        await self.log.delete(session_id)
        _log.info("session deleted", session_id=session_id)

    async def fail(self, session_id: str, code: str, message: str) -> None:
        """End a session at once, without its worker; nothing happens if it has ended."""
        await self._keeper.fail(session_id, code, message)

    # Inside

    def _feeder_name(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    async def _detach(self, name: str, session_id: str) -> None:
        """Take a feeder off its session; one that nobody takes off counts as gone by itself."""
        if self._recordings is not None:
            self._recordings.finish(session_id)
        with suppress(NotFound, BackendUnavailable):
            if await self.log.detach(session_id, name):
                _log.info("session lost its feeder", session_id=session_id)
                state = await self.log.state(session_id)
                if state.ending is None:
                    self._chronicle.tell(session_id, "feeder_lost", severity="warning")

    async def _append(self, slot: FeedSlot, seq: int, pcm: bytes) -> Appended:
        """Append a chunk; while the log is away, try again for as long as its feeder is there.

        So the feeder is held up and nothing is acknowledged. A chunk that the log had already is
        only acknowledged the second time.
        """
        pause_s = self.options.first_retry_s
        while True:
            try:
                return await self.log.append_audio(slot.session_id, seq, pcm, feeder=slot.name)
            except BackendUnavailable:
                if self._slots.get(slot.session_id) is not slot:
                    raise
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
            pause_s = min(2 * pause_s, self.options.longest_retry_s)

    async def _tell(self, session_id: str, error: LiveTranslateError) -> None:
        """Tell a session of something that went wrong beside it."""
        told = SessionError(
            session_id=session_id,
            timestamp=self._clock.utc(),
            code="audio_not_stored",
            message=error.message,
        )
        with suppress(LiveTranslateError):
            await self.log.append_system_events(session_id, [told])

    def _vacate(self, session_id: str, feeder: Feeder) -> None:
        slot = self._slots.drop(session_id, feeder)
        if slot is not None:
            detaching = asyncio.create_task(self._detach(slot.name, session_id))
            self._detaching.add(detaching)
            detaching.add_done_callback(self._detaching.discard)

    async def _open(
        self, session_id: str, config: SessionConfig, kind: str, feeder: Feeder
    ) -> SessionState:
        await self._check_unused(session_id)
        if self._records is not None:
            await self._records.create(
                session_id, kind=kind, config=config, created_at=self._clock.utc()
            )
        name = self._feeder_name()
        try:
            state = await self.log.create(
                session_id,
                config,
                kind=kind,
                feeder=name,
                to_record=self.options.sessions_stay or self._records is not None,
            )
        except LiveTranslateError:
            if self._records is not None:
                await self._records.delete(session_id)
            raise
        self._slots.put(FeedSlot(session_id, feeder, name, next_seq=0))
        if self._recordings is not None:
            self._recordings.begin(session_id, config, start=0)
        if self._recorder is not None:
            self._recorder.follow(session_id)
        _log.info("session opened", session_id=session_id, kind=kind)
        return state

    async def _check_unused(self, session_id: str) -> None:
        with suppress(NotFound):
            state = await self.log.state(session_id)
            if state.ended:
                raise Conflict(
                    f"session {session_id} has ended; choose another id", field="session_id"
                )
            raise SessionBusy(
                f"session {session_id} is live; resume_session takes it over", field="session_id"
            )

    async def _unfed(self, session_id: str) -> LiveTranslateError:
        """Return why nobody can feed a session that this manager does not hold."""
        try:
            state = await self.log.state(session_id)
        except NotFound as error:
            return error
        if state.ending is None:
            return SessionBusy(
                f"session {session_id} is not fed here; resume_session takes it over",
                field="session_id",
            )
        return SessionClosed(
            f"session {session_id} takes no more audio ({state.ending.value}); start a new one",
            field="session_id",
        )
