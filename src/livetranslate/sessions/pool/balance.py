"""Which worker gives sessions away, and how many. Pure: times are told."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from livetranslate.monitoring.latch import Band, Latch
from livetranslate.sessions.work import WorkerReport


class BalanceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """When sessions move from one worker to another.

    Attributes:
        behind: Seconds that a worker's session is behind real time. It has to be so for longer than
            until the worker takes no session more, or it would take back what it gives away.
        wanted_load: Load that a worker is relieved down to.
        room_load: Load up to which another one counts as having room.
        pause_s: Seconds between two moves, in which the first shows what it did.
    """

    behind: Band = Band(2.0, 1.0, on_after_s=8.0)
    wanted_load: float = 0.85
    room_load: float = 0.6
    pause_s: float = 12.0


class Relief(msgspec.Struct, frozen=True):
    """A worker that is to give away so many sessions."""

    worker_id: str
    sessions: int


class Balance:
    """Looks at all workers together; see the module.

    A worker that is behind does not catch up by itself while its sessions want more than it has.

    Args:
        options: When sessions move.
    """

    def __init__(self, options: BalanceOptions) -> None:
        self._options = options
        self._behind: dict[str, Latch] = {}
        self._since_s = math.inf

    def look(self, reports: Sequence[WorkerReport], elapsed_s: float) -> Relief | None:
        """Look at the newest reports, ``elapsed_s`` after the last time."""
        self._since_s += elapsed_s
        for gone in self._behind.keys() - {report.worker_id for report in reports}:
            del self._behind[gone]
        for report in reports:
            latch = self._behind.setdefault(report.worker_id, Latch(self._options.behind))
            latch.look(report.lag_s, elapsed_s)
        if self._since_s < self._options.pause_s:
            return None
        for giver in sorted(reports, key=lambda report: report.lag_s, reverse=True):
            sessions = self._to_give(giver, reports)
            if sessions > 0:
                self._since_s = 0.0
                return Relief(giver.worker_id, sessions)
        return None

    def _to_give(self, giver: WorkerReport, reports: Sequence[WorkerReport]) -> int:
        held = len(giver.sessions)
        if held < 2 or giver.draining or not self._behind[giver.worker_id].on:
            return 0
        options = self._options
        others = [report for report in reports if self._has_room(report, giver)]
        if not others:
            return 0
        cost = max(giver.load, options.wanted_load) / held
        too_many = math.ceil((giver.load - options.wanted_load) / cost)
        room = math.floor(sum(options.wanted_load - report.load for report in others) / cost)
        places = sum(report.max_sessions - len(report.sessions) for report in others)
        return min(max(1, too_many), max(1, room), places, held - 1)

    def _has_room(self, report: WorkerReport, giver: WorkerReport) -> bool:
        return (
            report.worker_id != giver.worker_id
            and report.ready
            and report.default_engine == giver.default_engine
            and report.load <= self._options.room_load
            and len(report.sessions) < report.max_sessions
        )
