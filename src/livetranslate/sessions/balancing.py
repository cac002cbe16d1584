"""Moves sessions from workers that fall behind to workers with room."""

from __future__ import annotations

import msgspec
import structlog

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.sessions.clock import Clock
from livetranslate.sessions.desk.base import Desk
from livetranslate.sessions.pool.balance import Balance, BalanceOptions
from livetranslate.sessions.work import JobKind, RelieveJob

_log = structlog.get_logger(__name__)

LOOK_S = 1.0
"""Seconds between two looks at the reports."""
FRESH_S = 10.0
"""Age up to which a report tells of the present."""
ANSWER_S = 2.0
"""Seconds that a worker has to hear of it."""


class Balancer:
    """To be done by one process of those that share a desk; ``look`` is called every now and then.

    Args:
        desk: What the workers report, and how they are told.
        clock: Tells the time.
        options: When sessions move.
    """

    def __init__(self, desk: Desk, clock: Clock, options: BalanceOptions | None = None) -> None:
        self._desk = desk
        self._clock = clock
        self._balance = Balance(options or BalanceOptions())
        self._looked_at = clock.monotonic()

    async def look(self) -> None:
        """Look once, and have a worker give sessions away if that helps."""
        now = self._clock.monotonic()
        elapsed_s = now - self._looked_at
        if elapsed_s < LOOK_S:
            return
        self._looked_at = now
        reports = [one.report for one in self._desk.reports() if one.age_s <= FRESH_S]
        relief = self._balance.look(reports, elapsed_s)
        if relief is None:
            return
        _log.info("sessions move", worker_id=relief.worker_id, sessions=relief.sessions)
        try:
            await self._desk.submit(
                JobKind.RELIEVE,
                msgspec.msgpack.encode(RelieveJob(sessions=relief.sessions)),
                worker_id=relief.worker_id,
                timeout_s=ANSWER_S,
            )
        except LiveTranslateError as error:
            _log.info("sessions stay", worker_id=relief.worker_id, reason=error.message)
