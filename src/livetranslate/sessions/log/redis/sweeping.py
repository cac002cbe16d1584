"""What is due in the log over Redis by the clock, or after a crash between two steps."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol

from livetranslate.domain.session import EndReason
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.redis import codec
from livetranslate.sessions.log.redis.keys import SessionKeys
from livetranslate.sessions.log.redis.queue.queue import SessionQueue

REPAIR_S = 5.0
"""Time between two looks for sessions that fell out of the queue; younger ones may be on their way
into it."""
WORKERS_S = 3600.0
"""A worker that holds nothing and was silent for so long is taken out of the group."""


class Remover(Protocol):
    """Removes sessions."""

    async def delete(self, session_id: str) -> None:
        """Remove a session with everything in it."""
        ...


class Sweeper:
    """Goes over all sessions of the queue.

    Args:
        keys: Access to the sessions.
        queue: Their queue.
        options: Bounds and times.
        log: What removes a session.
    """

    def __init__(
        self, keys: SessionKeys, queue: SessionQueue, options: LogOptions, log: Remover
    ) -> None:
        self._keys = keys
        self._queue = queue
        self._options = options
        self._removing = log
        self._repaired_at = monotonic()

    async def stored(self) -> list[codec.StoredState]:
        """Return every session, oldest first."""
        session_ids = await self._queue.sessions()
        answers = await asyncio.gather(
            *(self._keys.run("state", one, *codec.STATE_FIELDS) for one in session_ids)
        )
        return [
            codec.decode_state(session_id, answer[1], answer[2])
            for session_id, answer in zip(session_ids, answers, strict=True)
            if answer[0] == b"ok"
        ]

    async def sweep(self) -> None:
        """Do what is due."""
        await self._take_back_silent()
        found = await self.stored()
        for stored in found:
            if self._idle(stored):
                await self._keys.run(
                    "append_end",
                    stored.state.session_id,
                    EndReason.EXPIRED.value,
                    int(self._options.session_timeout_s * 1000),
                )
            if self._outlived(stored):
                await self._removing.delete(stored.state.session_id)
        if monotonic() - self._repaired_at >= REPAIR_S:
            self._repaired_at = monotonic()
            await self._repair(found)
            await self._queue.forget_workers(WORKERS_S)

    async def _take_back_silent(self) -> None:
        """Give back the claims of workers that touch them no more."""
        for held in await self._queue.held(silent=True):
            if held.given_back:
                continue
            answer = await self._keys.run("release", held.session_id, held.worker_id, "")
            if answer[0] == b"ok":
                await self._queue.give_back(held.worker_id, held.entry)
            elif answer[0] == b"missing":
                await self._queue.leave(held.session_id, held.entry)

    def _idle(self, stored: codec.StoredState) -> bool:
        state = stored.state
        return state.ending is None and state.idle_s >= self._options.session_timeout_s

    def _outlived(self, stored: codec.StoredState) -> bool:
        state = stored.state
        enough_s = self._options.event_retention_s
        if -1 < state.recorded < state.last_event_id:
            enough_s = max(enough_s, self._options.record_patience_s)
        return state.ended and stored.ended_s >= enough_s

    async def _repair(self, found: list[codec.StoredState]) -> None:
        """Bring queue and sessions into line, where a process died between the two."""
        known = {stored.state.session_id: stored for stored in found}
        for stored in found:
            state = stored.state
            if state.ended or state.worker_id is not None or stored.age_s < REPAIR_S:
                continue
            if stored.entry and await self._queue.has(stored.entry):
                continue
            entry = await self._queue.offer_again(state.session_id)
            answer = await self._keys.run("reoffered", state.session_id, stored.entry, entry)
            if answer[0] != b"ok":
                await self._queue.leave(state.session_id, entry)
        for session_id in await self._queue.open_sessions():
            stored = known.get(session_id)
            if stored is not None and stored.state.ended:
                await self._queue.leave(session_id, stored.entry)
            elif stored is None and not await self._exists(session_id):
                await self._queue.forget(session_id)

    async def _exists(self, session_id: str) -> bool:
        answer = await self._keys.run("state", session_id, "phase")
        return answer[0] == b"ok"
