"""Compares live sessions in the database, in the log and at the workers, and repairs differences.

To be done by one process of those that share a log, and only where all whose sessions are in the
database share it: a session of another log would look lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Protocol

import msgspec
import structlog

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.domain.session import EndReason, SessionStatus
from livetranslate.sessions.clock import Clock
from livetranslate.sessions.log.base import SessionLog, SessionState
from livetranslate.sessions.records import SessionRecords
from livetranslate.sessions.work import WorkerReport

_log = structlog.get_logger(__name__)

NAMED = 3
"""Sessions that a message names; of more it tells the number."""


class DifferenceKind(str, Enum):
    """How two parts can disagree about a session."""

    LOST = "lost"
    UNRECORDED = "unrecorded"
    HELD = "held"


_MESSAGES = {
    DifferenceKind.LOST: "open in the database but not in the log; now marked as failed there",
    DifferenceKind.UNRECORDED: "live, but not open in the database: nothing of it can be kept",
    DifferenceKind.HELD: "held by a worker that has no claim to it",
}


class Difference(msgspec.Struct, frozen=True, order=True):
    """A session that two parts disagree about."""

    kind: DifferenceKind
    session_id: str


class OpenSessions(Protocol):
    """What the reconciler reads of the database."""

    async def open_sessions(self) -> Mapping[str, datetime]:
        """Return when each session was created that is ``initializing`` or ``active``."""
        ...


def compare(
    rows: Iterable[str], states: Sequence[SessionState], reports: Iterable[WorkerReport]
) -> Iterator[Difference]:
    """Yield what database, log and workers disagree about.

    Args:
        rows: Sessions that are open in the database.
        states: What the log holds.
        reports: What the workers say.
    """
    known = {state.session_id: state for state in states}
    opened = set(rows)
    for session_id in opened - known.keys():
        yield Difference(DifferenceKind.LOST, session_id)
    for state in states:
        if state.recorded >= 0 and not state.ended and state.session_id not in opened:
            yield Difference(DifferenceKind.UNRECORDED, state.session_id)
    for report in reports:
        for session_id in report.sessions:
            state = known.get(session_id)
            if state is None or state.worker_id != report.worker_id:
                yield Difference(DifferenceKind.HELD, session_id)


class Reconciler:
    """Looks for differences and repairs them; ``look`` is called every now and then.

    What is seen once may be on its way to be set right, so only what is seen twice in a row counts.

    Args:
        log: The sessions' logs.
        rows: Reads of the database.
        records: Writes to it.
        reports: What the workers said of themselves last.
        clock: Tells the time.
        pause_s: Seconds between two looks at least; a call before that does nothing.
    """

    def __init__(
        self,
        log: SessionLog,
        rows: OpenSessions,
        records: SessionRecords,
        reports: Callable[[], Iterable[WorkerReport]],
        *,
        clock: Clock,
        pause_s: float = 10.0,
    ) -> None:
        self._source = log
        self._rows = rows
        self._records = records
        self._reports = reports
        self._clock = clock
        self._pause_s = pause_s
        self._looked_at: float | None = None
        self._suspected: frozenset[Difference] = frozenset()
        self._found: frozenset[Difference] = frozenset()

    @property
    def differences(self) -> Mapping[str, str]:
        """What the last look found, as one message for each kind of difference."""
        told: dict[str, str] = {}
        for kind in DifferenceKind:
            names = sorted(one.session_id for one in self._found if one.kind is kind)
            if names:
                more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                told[kind.value] = f"{', '.join(names[:NAMED])}{more}: {_MESSAGES[kind]}"
        return told

    async def look(self) -> frozenset[Difference]:
        """Compare once and repair; return the differences that count.

        Raises:
            BackendUnavailable: Log or database cannot be reached.
        """
        now = self._clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < self._pause_s:
            return self._found
        # The database first: a session is written there before the log has it.
        rows = await self._rows.open_sessions()
        states = await self._source.sessions()
        seen = frozenset(compare(rows, states, self._reports()))
        self._looked_at = now
        self._found, self._suspected = seen & self._suspected, seen
        for difference in sorted(self._found):
            _log.warning(
                "session differs", session_id=difference.session_id, kind=difference.kind.value
            )
            if difference.kind is DifferenceKind.LOST:
                await self._mark_failed(difference.session_id)
        return self._found

    async def _mark_failed(self, session_id: str) -> None:
        try:
            await self._records.set_status(
                session_id,
                SessionStatus.FAILED,
                at=self._clock.utc(),
                reason=EndReason.FAILED,
                error="the session's log was lost, with what had not been recognised of it",
            )
        except LiveTranslateError as error:
            _log.warning("session not repaired", session_id=session_id, reason=error.message)
