"""What a connected client can do with sessions, whatever protocol it speaks.

The protocols parse their messages, call these methods and get everything that goes back through
the client's outbox, in order: replies, acknowledgements, events.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import structlog

from livetranslate.domain.errors import (
    Conflict,
    InvalidInput,
    LiveTranslateError,
    SequenceGap,
    SessionBusy,
    SessionClosed,
)
from livetranslate.domain.events import SessionStarted
from livetranslate.domain.messages import (
    ConnectionMessage,
    SessionJoined,
    SessionLeft,
    SessionResumed,
)
from livetranslate.domain.session import (
    AppliedConfig,
    ConfigUpdate,
    EndReason,
    SessionConfig,
)
from livetranslate.domain.speakers import SpeakerEvidence
from livetranslate.services.realtime.acks import Acks
from livetranslate.services.realtime.connections import Connection
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.frames import Frame, error_message
from livetranslate.services.realtime.hub import Listener
from livetranslate.services.realtime.intake import Intake
from livetranslate.services.realtime.outbox import Outbox
from livetranslate.sessions.log.base import Appended, SessionState

KEEP_ALIVE_S = 10.0
"""A listener's activity is noted in the log at most this often."""
START_PAGE = 64
"""Events at the begin of a session among which its ``session_started`` is."""

_log = structlog.get_logger(__name__)


class SessionClient:
    """The sessions of one connection: those it feeds and those it hears.

    Attributes:
        connection: The connection.
        outbox: What goes back to it.
        fed: Intakes of the sessions it feeds, by session.
        listeners: What it hears, by session.
    """

    __slots__ = ("_acks", "_edge", "_kept_alive_at", "connection", "fed", "listeners", "outbox")

    def __init__(self, edge: Edge, connection: Connection, outbox: Outbox) -> None:
        self._edge = edge
        self.connection = connection
        self.outbox = outbox
        self.fed: dict[str, Intake] = {}
        self.listeners: dict[str, Listener] = {}
        self._acks: dict[str, Acks] = {}
        self._kept_alive_at = float("-inf")
        connection.listens = self.listeners.keys()

    def send(self, message: ConnectionMessage) -> None:
        """Put a message into the outbox."""
        self.outbox.put(Frame(message))

    def send_error(self, error: LiveTranslateError, *, session_id: str | None = None) -> None:
        """Tell the client what went wrong; the connection lives on."""
        self.send(error_message(error, session_id=session_id))

    async def start(
        self, session_id: str | None, config: SessionConfig, *, kind: str
    ) -> SessionState:
        """Open a session and feed it; its events follow.

        Raises:
            InvalidInput: The id or a value of the configuration is wrong.
            Conflict: There is such a session already.
            Overloaded: No more sessions are taken.
        """
        state = await self._edge.manager.open(session_id, config, kind=kind, feeder=self)
        self._feed(state)
        self._listen(state.session_id, after=0)
        return state

    async def resume(self, session_id: str, *, last_event_id: int) -> SessionState:
        """Feed a session again, taking it over from any other feeder; missed events follow.

        A session that ended meanwhile is not fed again, but its missed events follow all the same.
        """
        state = await self._edge.manager.resume(session_id, self)
        if state.ending is None:
            self._feed(state)
        applied = await self._applied(state)
        self.send(
            SessionResumed(
                session_id=session_id,
                timestamp=datetime.now(UTC),
                event_id=state.last_event_id,
                next_seq=state.next_seq,
                config=applied,
            )
        )
        seen = min(last_event_id, state.last_event_id)
        if not state.ended or seen < state.last_event_id:
            self._listen(session_id, after=seen)
        return state

    async def adopt(self, session_id: str) -> None:
        """Feed a session that nobody feeds, without a word to the client.

        Raises:
            SessionBusy: Another connection feeds it.
            SessionClosed: It takes no more audio.
        """
        if session_id in self._edge.fed:
            raise SessionBusy(
                "another connection feeds this session; join_session with resume takes it over",
                field="session_id",
            )
        state = await self._edge.manager.resume(session_id, self)
        if state.ending is not None:
            raise SessionClosed("this session takes no more audio", field="session_id")
        self._feed(state)

    def taken_over(self, session_id: str) -> None:
        """Hear from the manager that another connection feeds a session now."""
        self._stop_feeding(session_id)
        busy = SessionBusy("another connection took this session over", field="session_id")
        self.send_error(busy, session_id=session_id)

    async def join(self, session_id: str, *, history: bool) -> None:
        """Listen to a session; its present state follows unless ``history`` is false."""
        state = await self._edge.log.state(session_id)
        applied = await self._applied(state)
        self.send(
            SessionJoined(
                session_id=session_id,
                timestamp=datetime.now(UTC),
                event_id=state.last_event_id,
                config=applied,
            )
        )
        if session_id in self.listeners or (state.ended and not history):
            return
        self._listen(session_id, after=0 if history else state.last_event_id)
        await self._edge.log.keep_alive(session_id)

    async def add_evidence(self, session_id: str, evidence: SpeakerEvidence) -> None:
        """Hint at who somebody in a session is; raises NotFound, SessionClosed, InvalidInput."""
        await self._edge.manager.add_evidence(session_id, evidence)

    async def leave(self, session_id: str) -> None:
        """Stop listening; a session that this client feeds waits for a resume."""
        listener = self.listeners.get(session_id)
        if listener is None and session_id not in self.fed:
            raise InvalidInput("this connection is not in that session", field="session_id")
        if session_id in self.fed:
            await self._unfeed(session_id)
        if listener is not None:
            self._unlisten(listener)
        self.send(SessionLeft(session_id=session_id, timestamp=datetime.now(UTC)))

    async def audio(self, session_id: str, data: bytes, seq: int | None) -> Appended:
        """Append a chunk to a fed session and acknowledge it once it is safe.

        Raises:
            InvalidInput: This client does not feed the session, or the audio cannot be decoded.
            SequenceGap: Chunks are missing.
            SessionBusy: Another connection took the session over.
        """
        intake = self._intake(session_id)
        try:
            appended = await intake.chunk(self, data, seq)
        except InvalidInput as error:
            acks = self._acks.get(session_id)
            if acks is not None and not isinstance(error, SequenceGap):
                acks.note(Appended(intake.next_seq - 1, intake.buffered_s))
            raise
        except Conflict:
            self._stop_feeding(session_id)
            raise
        acks = self._acks.get(session_id)
        if acks is not None:
            acks.note(appended)
        return appended

    async def update(self, session_id: str, update: ConfigUpdate) -> None:
        """Change a session from here on; ``session_updated`` follows when it is in force."""
        if session_id not in self.fed and session_id not in self.listeners:
            raise InvalidInput("this connection is not in that session", field="session_id")
        await self._edge.manager.update(session_id, update)

    async def end(self, session_id: str) -> None:
        """Flush and end a fed session; the last results and ``session_ended`` follow."""
        intake = self._intake(session_id)
        await intake.flush(self)
        self._acks[session_id].flush()
        await self._edge.manager.end(session_id, EndReason.CLIENT_ENDED)

    @property
    def activity_due(self) -> bool:
        """Whether the sessions' logs should hear that the client is there."""
        return self.connection.active_at - self._kept_alive_at >= KEEP_ALIVE_S

    async def activity(self) -> None:
        """Note that the client is there, so that the sessions it hears do not expire."""
        self._kept_alive_at = self.connection.active_at
        for session_id in tuple(self.listeners):
            try:
                await self._edge.log.keep_alive(session_id)
            except LiveTranslateError as error:
                _log.debug("keep_alive_failed", session_id=session_id, code=error.code)

    async def close(self) -> None:
        """Leave everything; fed sessions wait for a resume."""
        for listener in list(self.listeners.values()):
            self._unlisten(listener)
        for session_id in tuple(self.fed):
            await self._unfeed(session_id)

    def _feed(self, state: SessionState) -> None:
        intake = self._edge.intakes.open(state.session_id, state.config, state.next_seq)
        self.fed[state.session_id] = intake
        self._edge.fed.add(state.session_id)
        self._acks[state.session_id] = Acks(self.outbox, state.session_id, self._edge)
        self.connection.feeds = state.session_id

    def _intake(self, session_id: str) -> Intake:
        intake = self.fed.get(session_id)
        if intake is None and session_id in self._edge.fed:
            raise SessionBusy(
                "another connection feeds this session; resume_session takes it over",
                field="session_id",
            )
        if intake is None:
            raise InvalidInput(
                "this connection does not feed that session; start_session or resume_session first",
                field="session_id",
            )
        return intake

    async def _unfeed(self, session_id: str) -> None:
        self._stop_feeding(session_id)
        self._edge.intakes.drop_later(session_id, self._edge.options.resume_window_s)
        try:
            await self._edge.manager.feeder_gone(session_id, self)
        except LiveTranslateError as error:
            _log.info("feeder_gone_failed", session_id=session_id, code=error.code)

    def _stop_feeding(self, session_id: str) -> None:
        if self.fed.pop(session_id, None) is not None:
            self._edge.fed.discard(session_id)
        acks = self._acks.pop(session_id, None)
        if acks is not None:
            acks.close()
        if self.connection.feeds == session_id:
            self.connection.feeds = next(iter(self.fed), None)

    def _listen(self, session_id: str, *, after: int) -> None:
        present = self.listeners.get(session_id)
        if present is not None:
            self._unlisten(present)
        self.listeners[session_id] = self._edge.hub.listen(
            session_id, self.outbox, after=after, on_done=self._on_done
        )

    def _unlisten(self, listener: Listener) -> None:
        self._edge.hub.drop(listener)
        self.listeners.pop(listener.session_id, None)

    def _on_done(self, session_id: str) -> None:
        self.listeners.pop(session_id, None)
        if session_id in self.fed:
            self._stop_feeding(session_id)
        self._edge.intakes.drop(session_id)

    async def _applied(self, state: SessionState) -> AppliedConfig | None:
        """Return the configuration the session runs with, or None before a worker has it."""
        events = await self._edge.log.read_events(state.session_id, 0, limit=START_PAGE)
        started = [event for event in events if isinstance(event, SessionStarted)]
        if not started:
            return None
        applied = started[-1].config
        return msgspec.structs.replace(
            applied, config=state.config, worker_id=state.worker_id or applied.worker_id
        )
