"""Writes of live sessions: the row first, each final segment once, the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

import msgspec
from sqlalchemy import ColumnElement, Update, bindparam, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from livetranslate.domain.errors import Conflict, NotFound
from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatus
from livetranslate.storage.database import Database
from livetranslate.storage.identities import take_back
from livetranslate.storage.rows import Row, clean_or_none, session_row
from livetranslate.storage.tables import SessionRow
from livetranslate.storage.together import Together
from livetranslate.storage.writer import EventWriter

MOST_SESSIONS = 64
"""New sessions, or changes of status, in one transaction."""
MOST_RECORDS = 16
"""Sessions whose events are written in one transaction; a new session waits for it at most."""

FINAL = frozenset({SessionStatus.COMPLETED, SessionStatus.FAILED})


class _Move(msgspec.Struct, frozen=True):
    """A change of a session's status; ``values`` are those of the row's columns."""

    session_id: str
    status: SessionStatus
    values: dict[str, object]


class SqlSessionRecords:
    """``SessionRecords`` on SQLite and PostgreSQL.

    Writes of many sessions at about the same time share transactions, so that a hundred sessions
    that start at once do not queue a hundred times for the one writer of SQLite.

    Every method raises BackendUnavailable while the database cannot be reached; the same call may
    then be made again, also when it is not known whether the first one was carried out.

    Args:
        database: Where to write.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._new = Together(self._insert, most=MOST_SESSIONS, name="new sessions' rows")
        self._moves = Together(self._move, most=MOST_SESSIONS, name="sessions' status")
        self._events = Together(self._write, most=MOST_RECORDS, name="sessions' events")

    async def create(
        self, session_id: str, *, kind: str, config: SessionConfig, created_at: datetime
    ) -> None:
        """Insert the session's row with status ``initializing``; before its first audio.

        Raises:
            Conflict: There is another such session already.
        """
        row = session_row(session_id, kind, config, created_at)
        if await self._new.add(row):
            return
        async with self._database.read() as connection:
            query = select(SessionRow.kind, SessionRow.created_at)
            found = (await connection.execute(query.where(_is(session_id)))).one_or_none()
        if found is None or tuple(found) != (kind, created_at):
            raise Conflict(f"there is a session {session_id} already", field="session_id")

    async def set_status(
        self,
        session_id: str,
        status: SessionStatus,
        *,
        at: datetime,
        reason: EndReason | None = None,
        error: str | None = None,
    ) -> None:
        """Move the session's row to ``status``; a final state stays.

        Raises:
            NotFound: There is no such session.
            Conflict: The state cannot follow the present one.
        """
        values: dict[str, object] = {}
        if status is SessionStatus.ACTIVE:
            values["started_at"] = at
        if status in FINAL:
            values["ended_at"] = at
            values["end_reason"] = reason.value if reason else None
            values["error"] = clean_or_none(error)
        await self._moves.add(_Move(session_id, status, values))

    async def record(self, session_id: str, events: Sequence[SessionEvent]) -> None:
        """Write what is final in these events, in one transaction: all of it or nothing.

        Raises:
            NotFound: There is no such session (any more).
        """
        wanted = [event for event in events if EventWriter.takes(event)]
        if not wanted:
            return
        try:
            await self._events.add((session_id, wanted))
        except IntegrityError as error:
            raise _unknown(session_id) from error

    async def delete(self, session_id: str) -> None:
        """Remove the session's rows, and nothing of another's; no error if there are none.

        What voices were learned by it goes with them.
        """
        async with self._database.write() as connection:
            await take_back(connection, session_id, at=datetime.now(UTC))
            await connection.execute(delete(SessionRow).where(_is(session_id)))

    async def _insert(self, rows: Sequence[Row]) -> list[bool | Exception]:
        """Insert rows; return whose was new, of two with the same id the first."""
        unique = {row["session_id"]: row for row in reversed(rows)}
        statement = self._database.insert_once(SessionRow).returning(SessionRow.session_id)
        async with self._database.write() as connection:
            found = await connection.execute(statement, list(unique.values()))
            new = set(found.scalars())
        inserted: list[bool | Exception] = []
        for row in rows:
            inserted.append(row["session_id"] in new)
            new.discard(row["session_id"])
        return inserted

    async def _move(self, moves: Sequence[_Move]) -> list[None | Exception]:
        """Change the status of sessions; an error for each that is unknown or cannot follow."""
        async with self._database.write() as connection:
            for status, group in groupby(moves, key=lambda move: move.status):
                some = sorted(group, key=lambda move: move.session_id)
                values = [{_KEY: move.session_id, **move.values} for move in some]
                await connection.execute(_MOVES[status], values)
            query = select(SessionRow.session_id, SessionRow.status)
            names = [move.session_id for move in moves]
            rows = await connection.execute(query.where(SessionRow.session_id.in_(names)))
            present = {session_id: SessionStatus(found) for session_id, found in rows}
        return [_refusal(move, present.get(move.session_id)) for move in moves]

    async def _write(
        self, records: Sequence[tuple[str, Sequence[SessionEvent]]]
    ) -> list[None | Exception]:
        async with self._database.write() as connection:
            writer = EventWriter(self._database, connection)
            for _, events in records:
                for event in events:
                    await writer.write(event)
            await writer.flush()
        return [None] * len(records)


def _refusal(move: _Move, present: SessionStatus | None) -> Exception | None:
    """Return what is wrong with a change of status, from the status after it."""
    if present is None:
        return _unknown(move.session_id)
    if present not in FINAL:
        try:
            present.to(move.status)
        except Conflict as error:
            return error
    return None


def _may_follow(old: SessionStatus, new: SessionStatus) -> bool:
    try:
        return old is not new and old.to(new) is new
    except Conflict:
        return False


_BEFORE = {
    new: tuple(old.value for old in SessionStatus if _may_follow(old, new)) for new in SessionStatus
}
"""States that each state may follow."""

_KEY = "moved_session"


def _move_to(status: SessionStatus) -> Update:
    """Return the statement that moves sessions to a status if it may follow theirs."""
    columns = ["started_at"] if status is SessionStatus.ACTIVE else []
    if status in FINAL:
        columns = ["ended_at", "end_reason", "error"]
    before = or_(False, *(SessionRow.status == old for old in _BEFORE[status]))
    move = update(SessionRow).where(SessionRow.session_id == bindparam(_KEY), before)
    return move.values({"status": status.value, **{name: bindparam(name) for name in columns}})


_MOVES = {status: _move_to(status) for status in SessionStatus}


def _is(session_id: str) -> ColumnElement[bool]:
    return SessionRow.session_id == session_id


def _unknown(session_id: str) -> NotFound:
    return NotFound(f"there is no session {session_id}", field="session_id")
