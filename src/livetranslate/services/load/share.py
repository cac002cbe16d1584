"""One process's part of a load: its idle connections and its sessions, on one event loop."""

from __future__ import annotations

import asyncio
import random
import time

import msgspec

from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import BackendUnavailable, Overloaded
from livetranslate.services.load.feeding import LoadSession
from livetranslate.services.load.figures import Distribution, Figures
from livetranslate.services.load.idle import IdleConnection, open_idle
from livetranslate.services.load.options import LoadOptions, Share
from livetranslate.services.load.speech import Pcm
from livetranslate.services.open_files import raise_open_files

HANDSHAKES = 100
"""Idle connections that are being opened at the same time."""
LAG_S = 0.05
"""Seconds between two looks at how late the loop runs."""
SPARE_FILES = 100


class LoadShare:
    """Makes a share of a load; ``run`` returns when it is over.

    Args:
        options: The whole load.
        share: This part of it.
        audio: What sessions say.
    """

    def __init__(self, options: LoadOptions, share: Share, audio: Pcm) -> None:
        self._options = options
        self._share = share
        self._audio = audio
        self._figures = Figures()
        self._stop = asyncio.Event()
        self._idle: list[IdleConnection] = []
        self._sessions: list[LoadSession] = []

    def stop(self) -> None:
        """End the sessions now, then the rest."""
        self._stop.set()

    def figures(self) -> Figures:
        """Return what was seen so far."""
        waiting = sum(session.unacknowledged_s for session in self._sessions)
        return msgspec.structs.replace(
            self._figures, unacknowledged_s=round(waiting, 3), cpu_s=round(time.process_time(), 3)
        )

    async def run(self) -> Figures:
        """Open, feed, end; raises Overloaded if this process may not have so many connections."""
        options, share = self._options, self._share
        allow_files(share.connections + share.sessions * (1 + options.listeners) + SPARE_FILES)
        watching = asyncio.create_task(self._watch_lag())
        timing = asyncio.create_task(self._time_out())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._open_idle())
                for number in range(share.sessions):
                    group.create_task(self._session(number))
            if share.connections:
                await self._stop.wait()
        finally:
            for connection in self._idle:
                connection.close()
            watching.cancel()
            timing.cancel()
            await asyncio.gather(watching, timing, return_exceptions=True)
        self._figures.connections_open = 0
        self._figures.done = True
        return self.figures()

    async def _time_out(self) -> None:
        await asyncio.sleep(self._options.ramp_s + self._options.duration_s)
        self._stop.set()

    async def _session(self, number: int) -> None:
        """Begin in this session's turn, each with another stretch of the audio."""
        await asyncio.sleep(self._options.ramp_s * number / self._share.sessions)
        if self._stop.is_set():
            return
        chance = random.Random(self._share.index * 1_000_003 + number)  # noqa: S311 - no secret
        begin = chance.randrange(max(1, len(self._audio) - SAMPLE_RATE))
        session = LoadSession(self._options, self._audio, begin, self._figures)
        self._sessions.append(session)
        await session.run(self._stop)
        self._sessions.remove(session)

    async def _open_idle(self) -> None:
        begin = time.monotonic()
        room = asyncio.Semaphore(HANDSHAKES)
        async with asyncio.TaskGroup() as group:
            for number in range(self._share.connections):
                due = begin + self._options.ramp_s * number / self._share.connections
                if (wait_s := due - time.monotonic()) > 0:
                    await asyncio.sleep(wait_s)
                if self._stop.is_set():
                    return
                await room.acquire()
                group.create_task(self._open_one(number, room))

    async def _open_one(self, number: int, room: asyncio.Semaphore) -> None:
        figures = self._figures
        try:
            connection = await open_idle(
                self._options.url, self._options.api_key, number, self._lost_idle
            )
        except BackendUnavailable as error:
            figures.connections_refused += 1
            figures.error(error.code)
            if figures.connections_refused == 1:
                figures.lost.append(f"connections were refused, the first one: {error.message}")
        else:
            self._idle.append(connection)
            figures.connections_open += 1
            figures.connections_opened += 1
        finally:
            room.release()

    def _lost_idle(self) -> None:
        figures = self._figures
        figures.connections_open -= 1
        figures.connections_lost += 1
        if figures.connections_lost == 1:
            figures.lost.append("the server closed idle connections")

    async def _watch_lag(self) -> None:
        lag: Distribution = self._figures.lag
        while True:
            due = time.monotonic() + LAG_S
            await asyncio.sleep(LAG_S)
            lag.add(time.monotonic() - due)


def allow_files(count: int) -> None:
    """Let this process have so many open files; raises Overloaded if the system does not."""
    allowed = raise_open_files(count)
    if allowed < count:
        raise Overloaded(
            f"one process may have {allowed} open files here, {count} are needed: spread the load "
            f"with --processes {count // allowed + 1}, or raise the limit with `ulimit -Hn`"
        )
