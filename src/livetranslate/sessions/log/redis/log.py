"""The session log over Redis Streams: what ``SessionLog`` promises, for any number of processes.

Each step that changes a session is one script, so it happens wholly or not at all. A claim is an
entry of the queue that its worker touches; the epoch in the session's state fences off whoever
lost it. Where a step spans session and queue, a crash between the two leaves something that the
next worker or the next sweep puts right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

import msgspec

from livetranslate.domain.audio import SAMPLE_RATE, seconds
from livetranslate.domain.errors import (
    BackendUnavailable,
    ClaimLost,
    Conflict,
    InvalidInput,
    LiveTranslateError,
    NotFound,
    Overloaded,
    SequenceGap,
    SessionBusy,
    SessionClosed,
)
from livetranslate.domain.events import SessionEnded, SessionEvent
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerEvidence
from livetranslate.sessions.log.base import (
    Appended,
    Checkpoint,
    Claim,
    DeadLetter,
    LogEntry,
    LogOptions,
    SessionState,
)
from livetranslate.sessions.log.checks import check_chunk, check_events
from livetranslate.sessions.log.redis import codec
from livetranslate.sessions.log.redis.keys import SessionKeys
from livetranslate.sessions.log.redis.queue.queue import SessionQueue
from livetranslate.sessions.log.redis.responses import Responses
from livetranslate.sessions.log.redis.sweeping import Sweeper
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection

MAX_DEAD_LETTERS = 1000


class RedisSessionLog:
    """A ``SessionLog`` in Redis; to be used from one event loop.

    Args:
        connection: The way to Redis.
        channels: Wake-up calls.
        options: Bounds and times; the same in every process.
        queue: Name of the stream of sessions, and beginning of all keys.
        responses: Name of the stream in which workers' claims, releases and ends are told.
    """

    def __init__(
        self,
        connection: RedisConnection,
        channels: Channels,
        options: LogOptions | None = None,
        *,
        queue: str = "voice_sessions",
        responses: str = "worker_responses",
    ) -> None:
        self._options = options or LogOptions()
        self._connection = connection
        self._keys = SessionKeys(connection, channels, queue)
        self._queue = SessionQueue(
            connection, channels, queue, claim_ttl_s=self._options.claim_ttl_s
        )
        self._responses = Responses(connection, responses)
        self._sweeper = Sweeper(self._keys, self._queue, self._options, self)
        self._dead = f"{{{queue}}}:dead"
        self._room = int(self._options.max_backlog_s * SAMPLE_RATE)
        self._kept: dict[tuple[str, int], float] = {}
        self._giving_back: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Make what workers wait on; may be left out, and is done again when it is needed."""
        await self._queue.start()

    async def close(self) -> None:
        """Finish what is under way."""
        await asyncio.gather(*self._giving_back, return_exceptions=True)
        await self._responses.close()

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
        """Open a session and offer it to the workers; raises Conflict, Overloaded."""
        recorded = 0 if to_record else -1
        made = await self._keys.run(
            "create", session_id, kind, codec.encode(config), feeder or "", recorded
        )
        if made[0] == b"conflict":
            raise Conflict(f"there is a session {session_id} already", field="session_id")
        entry = await self._queue.offer(session_id, self._options.max_sessions)
        if entry is None:
            await self._keys.run("delete", session_id)
            raise Overloaded(
                f"{self._options.max_sessions} sessions are open, which is the limit here; "
                "try again when one has ended",
                retry_after_s=5.0,
            )
        _, state = await asyncio.gather(
            self._keys.run("offered", session_id, entry), self.state(session_id)
        )
        return state

    async def attach(self, session_id: str, feeder: str) -> SessionState:
        """Make a connection the feeder, in place of any other."""
        _present(session_id, await self._keys.run("attach", session_id, feeder))
        return await self.state(session_id)

    async def attend(self, feeders: Mapping[str, str]) -> frozenset[str]:
        """Say that feeders are still there; return the sessions that they no longer feed."""
        answers = await asyncio.gather(
            *(self._keys.run("attend", session_id, name) for session_id, name in feeders.items())
        )
        return frozenset(
            session_id
            for session_id, answer in zip(feeders, answers, strict=True)
            if answer[0] != b"ok"
        )

    async def detach(self, session_id: str, feeder: str) -> bool:
        """Note that a feeder is gone."""
        answer = _present(session_id, await self._keys.run("detach", session_id, feeder))
        return answer[0] == b"ok"

    async def append_audio(
        self, session_id: str, seq: int, pcm: bytes, *, feeder: str | None = None
    ) -> Appended:
        """Append one chunk and return once it is safe, which may take until there is room."""
        check_chunk(seq, pcm)

        async def append() -> Appended | None:
            answer = await self._keys.run(
                "append_audio",
                *(session_id, seq, pcm, feeder or "", self._room, self._options.max_entries),
            )
            match answer[0]:
                case b"ok":
                    return Appended(answer[1], seconds(answer[2]))
                case b"full":
                    return None
                case b"gap":
                    raise SequenceGap(expected_seq=answer[1], got_seq=seq)
                case _:
                    raise _refusal(session_id, answer)

        appended = await append()
        if appended is None:
            appended = await self._keys.waiting(session_id, "state").poll(append, None)
        assert appended is not None  # noqa: S101 - a poll without a time limit ends with a value
        return appended

    async def append_update(self, session_id: str, update: ConfigUpdate) -> None:
        """Append a change of the configuration."""

        async def append() -> bool | None:
            stored = await self._stored(session_id)
            answer = await self._keys.run(
                "append_update",
                session_id,
                *(stored.version, codec.encode(update)),
                codec.encode(update.apply(stored.state.config)),
                *(self._room, self._options.max_entries),
            )
            match answer[0]:
                case b"ok":
                    return True
                case b"full":
                    return None
                case b"changed":
                    return await append()
                case _:
                    raise _refusal(session_id, answer)

        await self._keys.waiting(session_id, "state").poll(append, None)

    async def append_evidence(self, session_id: str, evidence: SpeakerEvidence) -> None:
        """Append a hint at who somebody is."""

        async def append() -> bool | None:
            answer = await self._keys.run(
                "append_evidence",
                *(session_id, codec.encode(evidence), self._room, self._options.max_entries),
            )
            match answer[0]:
                case b"ok":
                    return True
                case b"full":
                    return None
                case _:
                    raise _refusal(session_id, answer)

        await self._keys.waiting(session_id, "state").poll(append, None)

    async def append_end(self, session_id: str, reason: EndReason) -> None:
        """Take no more audio for a session."""
        _present(session_id, await self._keys.run("append_end", session_id, reason.value, 0))

    # Working

    async def read_entries(
        self, session_id: str, after: int, *, wait_s: float = 0.0, limit: int = 256
    ) -> list[LogEntry]:
        """Return entries behind a position; at once if none will ever follow."""

        async def look() -> list[LogEntry] | None:
            phase, *found = _present(
                session_id, await self._keys.run("read_entries", session_id, after, limit)
            )
            entries = codec.decode_entries(found[0])
            return entries if entries or phase == b"ended" else None

        found = await self._keys.waiting(session_id, "entries").poll(
            look,
            wait_s,
            place=("entries", after),
            reached=lambda entries: (
                ("entries", entries[-1].position) if 0 < len(entries) < limit else None
            ),
        )
        return found or []

    async def claim(self, worker_id: str, *, wait_s: float = 0.0) -> Claim | None:
        """Take the oldest session that has no worker."""

        async def look() -> Claim | None:
            taking = asyncio.create_task(self._take(worker_id))
            try:
                return await asyncio.shield(taking)
            except asyncio.CancelledError:
                # The claim may have been won already; nobody would know of it.
                taking.add_done_callback(self._give_back_taken)
                raise

        return await self._queue.offered.poll(look, wait_s)

    async def touch(self, claim: Claim) -> None:
        """Keep a claim alive."""
        answer = await self._keys.run("touch", claim.session_id, claim.worker_id, claim.epoch)
        if answer[0] != b"ok":
            raise _lost(claim)
        await self._keep(claim, answer[1].decode())

    async def release(self, claim: Claim) -> None:
        """Give a session back; nothing happens if the claim is no longer in force."""
        self._kept.pop((claim.session_id, claim.epoch), None)
        answer = await self._keys.run("release", claim.session_id, claim.worker_id, claim.epoch)
        if answer[0] == b"ok":
            await self._queue.give_back(claim.worker_id, answer[1].decode())
            self._responses.tell("released", claim.session_id, claim.worker_id, claim.epoch)

    async def release_worker(self, worker_id: str) -> int:
        """Give back every session of a worker that is known to be gone."""
        released = 0
        for held in await self._queue.held(worker_id=worker_id):
            answer = await self._keys.run("release", held.session_id, worker_id, "")
            if answer[0] == b"ok":
                await self._queue.give_back(worker_id, held.entry)
                self._responses.tell("released", held.session_id, worker_id, 0)
                released += 1
        return released

    # Events

    async def append_events(
        self,
        claim: Claim,
        events: list[SessionEvent],
        *,
        checkpoint: Checkpoint | None = None,
        processed: int | None = None,
    ) -> int:
        """Append a worker's events and progress in one step."""
        check_events(claim.session_id, events)
        answer = await self._keys.run(
            "append_events",
            *(claim.session_id, claim.worker_id, claim.epoch),
            *(("", b"") if checkpoint is None else (checkpoint.position, checkpoint.state)),
            "" if processed is None else processed,
            _closing(events),
            *codec.encode_events(events),
        )
        match answer[0]:
            case b"lost":
                raise _lost(claim)
            case b"wrong":
                raise InvalidInput(
                    f"the log of {claim.session_id} holds the positions {answer[1]} to {answer[2]}",
                    field="checkpoint" if checkpoint else "processed",
                )
            case _:
                pass
        entry = answer[2].decode()
        if _closing(events):
            await self._ended(claim.session_id, entry, claim)
        elif monotonic() - self._kept.get((claim.session_id, claim.epoch), 0.0) > (
            self._options.claim_ttl_s / 4
        ):
            await self._keep(claim, entry)
        return answer[1]

    async def append_system_events(self, session_id: str, events: list[SessionEvent]) -> int:
        """Append events that no worker wrote."""
        check_events(session_id, events)
        answer = await self._keys.run(
            "append_system_events", session_id, _closing(events), *codec.encode_events(events)
        )
        if _present(session_id, answer)[0] == b"closed":
            raise SessionClosed(f"session {session_id} has ended; nothing can be added")
        if _closing(events):
            await self._ended(session_id, answer[2].decode(), None)
        return answer[1]

    async def read_events(
        self, session_id: str, after: int, *, wait_s: float = 0.0, limit: int = 1024
    ) -> list[SessionEvent]:
        """Return events with ids above ``after``; at once if none will ever follow."""

        async def look() -> list[SessionEvent] | None:
            phase, *found = _present(
                session_id, await self._keys.run("read_events", session_id, after, limit)
            )
            events = codec.decode_events(found[0], found[1], limit)
            return events if events or phase == b"ended" else None

        found = await self._keys.waiting(session_id, "events").poll(
            look,
            wait_s,
            place=("events", after),
            reached=lambda events: (
                ("events", events[-1].event_id)
                if 0 < len(events) < limit and not isinstance(events[-1], SessionEnded)
                else None
            ),
        )
        return found or []

    async def note_recorded(self, session_id: str, event_id: int) -> None:
        """Note how far a session is in the database."""
        _present(session_id, await self._keys.run("note_recorded", session_id, event_id))

    # Keeping

    async def state(self, session_id: str) -> SessionState:
        """Return what is known of a session."""
        return (await self._stored(session_id)).state

    async def sessions(self) -> list[SessionState]:
        """Return all sessions, oldest first."""
        return [stored.state for stored in await self._sweeper.stored()]

    async def keep_alive(self, session_id: str) -> None:
        """Note a listener's activity."""
        _present(session_id, await self._keys.run("keep_alive", session_id))

    async def delete(self, session_id: str) -> None:
        """Remove a session with everything in it."""
        answer = _present(session_id, await self._keys.run("delete", session_id))
        await self._queue.leave(session_id, answer[1].decode())
        await self._queue.forget(session_id)

    async def bury(self, letter: DeadLetter) -> None:
        """Keep a note of a session that was given up."""
        data = msgspec.msgpack.encode(letter)
        await self._connection.run(
            "XADD", self._dead, "MAXLEN", "~", MAX_DEAD_LETTERS, "*", "letter", data
        )

    async def dead_letters(self) -> list[DeadLetter]:
        """Return the notes, newest first."""
        found = await self._connection.run(
            "XREVRANGE", self._dead, "+", "-", "COUNT", MAX_DEAD_LETTERS
        )
        return [msgspec.msgpack.decode(fields[1], type=DeadLetter) for _, fields in found]

    async def lead(self, holder: str, ttl_s: float) -> bool:
        """Return whether this holder is the one that looks after all sessions now."""
        return await self._queue.lead(holder, ttl_s)

    async def sweep(self) -> None:
        """Do what is due by the clock."""
        await self._sweeper.sweep()

    # Inside

    async def _stored(self, session_id: str) -> codec.StoredState:
        answer = _present(
            session_id, await self._keys.run("state", session_id, *codec.STATE_FIELDS)
        )
        return codec.decode_state(session_id, answer[1], answer[2])

    async def _take(self, worker_id: str) -> Claim | None:
        """Take the next entry whose session still wants a worker."""
        while (found := await self._queue.next(worker_id)) is not None:
            entry, session_id = found
            answer = await self._keys.run("take", session_id, worker_id, entry)
            if answer[0] == b"gone":
                await self._queue.leave(session_id, entry)
                continue
            _, epoch, config, position, state = answer
            checkpoint = None if position is None else Checkpoint(int(position), state)
            self._kept[(session_id, epoch)] = monotonic()
            self._responses.tell("claimed", session_id, worker_id, epoch)
            return Claim(session_id, worker_id, epoch, codec.decode_config(config), checkpoint)
        return None

    def _give_back_taken(self, taking: asyncio.Task[Claim | None]) -> None:
        if taking.cancelled() or taking.exception() is not None:
            return
        claim = taking.result()
        if claim is None:
            return
        task = asyncio.create_task(self._give_back(claim))
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)

    async def _give_back(self, claim: Claim) -> None:
        with suppress(BackendUnavailable):
            await self.release(claim)

    async def _keep(self, claim: Claim, entry: str) -> None:
        self._kept[(claim.session_id, claim.epoch)] = monotonic()
        await self._queue.keep(claim.worker_id, entry)

    async def _ended(self, session_id: str, entry: str, claim: Claim | None) -> None:
        """Take a session that has ended out of the queue; if that fails the sweep does it."""
        if claim is not None:
            self._kept.pop((session_id, claim.epoch), None)
            self._responses.tell("ended", session_id, claim.worker_id, claim.epoch)
        with suppress(BackendUnavailable):
            await self._queue.leave(session_id, entry)


def _present(session_id: str, answer: list[Any]) -> list[Any]:
    if answer[0] == b"missing":
        raise NotFound(f"there is no session {session_id} (any more)", field="session_id")
    return answer


def _refusal(session_id: str, answer: list[Any]) -> LiveTranslateError:
    """Return the error for an answer that no append can go on with."""
    match answer[0]:
        case b"busy":
            who = "another connection" if answer[1] else "no connection"
            return SessionBusy(
                f"{who} feeds session {session_id}; resume_session takes it over",
                field="session_id",
            )
        case b"closed":
            reason = answer[1].decode() or "ended"
            return SessionClosed(
                f"session {session_id} takes no more audio ({reason}); start a new one",
                field="session_id",
            )
        case _:
            return NotFound(f"there is no session {session_id} (any more)", field="session_id")


def _closing(events: list[SessionEvent]) -> str:
    """Return the reason of the end if these events end the session, else ""."""
    last = events[-1] if events else None
    return last.reason.value if isinstance(last, SessionEnded) else ""


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"worker {claim.worker_id} no longer holds session {claim.session_id} "
        f"(its epoch {claim.epoch})"
    )
