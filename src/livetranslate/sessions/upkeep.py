"""What is due for live sessions by the clock: decisions only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from livetranslate.domain.events import SessionQueued
from livetranslate.sessions.log.base import SessionState


class UpkeepOptions(msgspec.Struct, frozen=True, kw_only=True):
    """When something is due.

    Attributes:
        resume_window_s: A session whose feeder vanished waits so long to be resumed.
        finish_timeout_s: Workers have so long to end a session that takes no more audio; then it
            is ended without them, as failed.
        max_attempts: A session over which so many workers in a row were lost, without getting on
            in between, is ended as failed, so that it cannot take down one worker after another.
        adopt_after_s: A session that is to be recorded, and that nobody has said to be recording
            for so long, is recorded by whoever looks after all sessions.
    """

    resume_window_s: float = 60.0
    finish_timeout_s: float = 600.0
    max_attempts: int = 10
    adopt_after_s: float = 15.0


def abandoned(state: SessionState, options: UpkeepOptions, *, reachable_s: float) -> bool:
    """Return whether an open session has been without feeder for the resume window.

    Args:
        state: The session.
        options: When something is due.
        reachable_s: For how long the log has been within reach; before that no feeder could say
            that it is there, nor come back.
    """
    vacant_s = min(state.vacant_s, reachable_s)
    return state.ending is None and vacant_s >= options.resume_window_s


def unfinished(state: SessionState, options: UpkeepOptions) -> bool:
    """Return whether an ending session has waited too long for a worker to end it."""
    return state.ending is not None and state.ending_s >= options.finish_timeout_s


def deadly(state: SessionState, options: UpkeepOptions) -> bool:
    """Return whether worker after worker was lost over the same place of the session."""
    pending = state.buffered_s > 0 or state.ending is not None
    return pending and state.worker_id is None and state.attempts >= options.max_attempts


def unrecorded(state: SessionState, options: UpkeepOptions) -> bool:
    """Return whether nobody records a session that is to be recorded."""
    wanted = state.recorded >= 0 and not (state.ended and state.recorded >= state.last_event_id)
    return wanted and state.recorder_s >= options.adopt_after_s


class QueueNews:
    """Tells sessions without a worker their place in the queue, when it changed.

    A session counts as queued once it has been without a worker for a whole round, so that one
    which a free worker takes at once is told nothing.
    """

    def __init__(self) -> None:
        self._before: dict[str, int] = {}

    def changed(
        self, states: Iterable[SessionState], timestamp: datetime
    ) -> Iterator[SessionQueued]:
        """Yield the places that changed.

        Args:
            states: All sessions of the log, oldest first: the order of the queue.
            timestamp: Time of the events, UTC.
        """
        queued = [state for state in states if state.worker_id is None and not state.ended]
        told = self._before
        self._before = {}
        for place, state in enumerate(queued, start=1):
            before = told.get(state.session_id)
            self._before[state.session_id] = 0 if before is None else place
            if before is not None and before != place:
                yield SessionQueued(
                    session_id=state.session_id, timestamp=timestamp, position=place
                )
