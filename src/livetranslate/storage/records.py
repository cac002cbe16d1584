"""Writes of live sessions: the row first, each final segment once, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.exc import IntegrityError

from livetranslate.domain.errors import Conflict, NotFound
from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatus
from livetranslate.storage.database import Database
from livetranslate.storage.rows import Row, clean_or_none, session_row
from livetranslate.storage.tables import SessionRow
from livetranslate.storage.writer import SegmentWriter

MOST_ROWS = 64
"""Rows of new sessions in one transaction."""

FINAL = frozenset({SessionStatus.COMPLETED, SessionStatus.FAILED})


class SqlSessionRecords:
    """``SessionRecords`` on SQLite and PostgreSQL.

    Every method raises BackendUnavailable while the database cannot be reached; the same call may
    then be made again, also when it is not known whether the first one was carried out.

    Args:
        database: Where to write.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._new_rows = _NewRows(database)

    async def create(
        self, session_id: str, *, kind: str, config: SessionConfig, created_at: datetime
    ) -> None:
        """Insert the session's row with status ``initializing``; before its first audio.

        Raises:
            Conflict: There is another such session already.
        """
        row = session_row(session_id, kind, config, created_at)
        if await self._new_rows.insert(row):
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
        values: dict[str, object] = {"status": status.value}
        if status is SessionStatus.ACTIVE:
            values["started_at"] = at
        if status in FINAL:
            values["ended_at"] = at
            values["end_reason"] = reason.value if reason else None
            values["error"] = clean_or_none(error)
        move = update(SessionRow).where(_is(session_id), SessionRow.status.in_(_BEFORE[status]))
        async with self._database.write() as connection:
            if (await connection.execute(move.values(values))).rowcount:
                return
            query = select(SessionRow.status).where(_is(session_id))
            found = (await connection.execute(query)).scalar_one_or_none()
        if found is None:
            raise _unknown(session_id)
        present = SessionStatus(found)
        if present not in FINAL:
            present.to(status)

    async def record(self, session_id: str, events: Sequence[SessionEvent]) -> None:
        """Write what is final in these events, in one transaction: all of it or nothing.

        Raises:
            NotFound: There is no such session (any more).
        """
        if not any(SegmentWriter.takes(event) for event in events):
            return
        try:
            async with self._database.write() as connection:
                writer = SegmentWriter(self._database, connection, session_id)
                for event in events:
                    await writer.write(event)
                await writer.flush()
        except IntegrityError as error:
            raise _unknown(session_id) from error

    async def delete(self, session_id: str) -> None:
        """Remove the session's rows, and nothing of another's; no error if there are none."""
        async with self._database.write() as connection:
            await connection.execute(delete(SessionRow).where(_is(session_id)))


def _may_follow(old: SessionStatus, new: SessionStatus) -> bool:
    try:
        return old is not new and old.to(new) is new
    except Conflict:
        return False


_BEFORE = {
    new: tuple(old.value for old in SessionStatus if _may_follow(old, new)) for new in SessionStatus
}
"""States that each state may follow."""


class _NewRows:
    """Inserts the rows of sessions that start together in one transaction.

    There is no waiting for others: what comes while a transaction is at work forms the next one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Row, asyncio.Future[bool]]] = []
        self._work: asyncio.Task[None] | None = None

    async def insert(self, row: Row) -> bool:
        """Insert a row; False if there is one with its id already."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run(), name="new sessions' rows")
        return await done

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:MOST_ROWS], self._waiting[MOST_ROWS:]
            try:
                await self._settle(taken)
            except Exception:  # noqa: BLE001 - told to each caller, once its own row has failed
                for one in taken:
                    await self._settle_alone(one)

    async def _settle_alone(self, one: tuple[Row, asyncio.Future[bool]]) -> None:
        try:
            await self._settle([one])
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            if not one[1].done():
                one[1].set_exception(error)

    async def _settle(self, taken: Sequence[tuple[Row, asyncio.Future[bool]]]) -> None:
        """Insert rows and tell whose was new; of two with the same id the first."""
        rows = {row["session_id"]: row for row, _ in reversed(taken)}
        statement = self._database.insert_once(SessionRow).returning(SessionRow.session_id)
        async with self._database.write() as connection:
            found = await connection.execute(statement, list(rows.values()))
            new = set(found.scalars())
        for row, done in taken:
            if not done.done():
                done.set_result(row["session_id"] in new)
            new.discard(row["session_id"])


def _is(session_id: str) -> ColumnElement[bool]:
    return SessionRow.session_id == session_id


def _unknown(session_id: str) -> NotFound:
    return NotFound(f"there is no session {session_id}", field="session_id")
