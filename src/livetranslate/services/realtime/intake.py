"""The way of audio in: from a client's wire format to numbered chunks of the session's log."""

from __future__ import annotations

import asyncio

import structlog

from livetranslate.audio.stream import StreamDecoder
from livetranslate.domain.errors import InvalidInput, SequenceGap
from livetranslate.domain.session import SessionConfig
from livetranslate.sessions.feeding import Feeder
from livetranslate.sessions.log.base import Appended
from livetranslate.sessions.manager import SessionManager

INLINE_BYTES = 64 * 1024
"""Raw audio up to this size is converted on the event loop: it costs less than a thread's hop."""

_log = structlog.get_logger(__name__)


class Intake:
    """The fed side of one session in this process.

    Holds the decoder, whose state runs through the whole stream, and the number of the next chunk.
    A chunk that cannot be decoded keeps its number and counts as silence of no length, so that the
    client's numbering and the log's stay together.

    Attributes:
        next_seq: Chunk expected next.
        buffered_s: Seconds of audio waiting, as the newest append told.
    """

    def __init__(
        self, manager: SessionManager, session_id: str, config: SessionConfig, next_seq: int
    ) -> None:
        self._manager = manager
        self._session_id = session_id
        self._config = config
        self._decoder = StreamDecoder.for_config(config)
        self._lock = asyncio.Lock()
        self._decoded: bytes | None = None
        self.next_seq = next_seq
        self.buffered_s = 0.0

    async def chunk(self, feeder: Feeder, data: bytes, seq: int | None) -> Appended:
        """Append one chunk and return what is safe; waits while the log's backlog is full.

        Args:
            feeder: Connection that brings it.
            data: Audio in the session's encoding.
            seq: Its number; None for the next one.

        Raises:
            SequenceGap: Chunks before it are missing.
            InvalidInput: It cannot be decoded (``field`` is ``encoding``); its number is taken.
            SessionBusy: Another connection feeds the session now.
            SessionClosed: The session takes no more audio.
        """
        async with self._lock:
            number = self.next_seq if seq is None else seq
            if number < self.next_seq:
                return Appended(self.next_seq - 1, self.buffered_s)
            if number > self.next_seq:
                raise SequenceGap(expected_seq=self.next_seq, got_seq=number)
            problem: InvalidInput | None = None
            if self._decoded is None:
                try:
                    self._decoded = await self._decode(data)
                except InvalidInput as error:
                    problem, self._decoded = error, b""
                    self._start_over()
            appended = await self._manager.feed(self._session_id, feeder, number, self._decoded)
            self._decoded = None
            self.next_seq = number + 1
            self.buffered_s = appended.buffered_s
        if problem is not None:
            raise InvalidInput(problem.message, field="encoding")
        return appended

    async def flush(self, feeder: Feeder) -> None:
        """Append what the decoder still holds, before the session's end."""
        async with self._lock:
            try:
                if self._config.encoding.is_container:
                    rest = await asyncio.to_thread(self._decoder.flush)
                else:
                    rest = self._decoder.flush()
            except InvalidInput as error:
                _log.info("flush_failed", session_id=self._session_id, reason=error.message)
                return
            if rest:
                await self._manager.feed(self._session_id, feeder, self.next_seq, rest)
                self.next_seq += 1

    def close(self) -> None:
        """Free the decoder."""
        self._decoder.close()

    def _start_over(self) -> None:
        """Give a container that was refused the chance to begin again with a new header."""
        if self._config.encoding.is_container:
            self._decoder.close()
            self._decoder = StreamDecoder.for_config(self._config)

    async def _decode(self, data: bytes) -> bytes:
        if self._config.encoding.is_container or len(data) > INLINE_BYTES:
            return await asyncio.to_thread(self._decoder.decode, data)
        return self._decoder.decode(data)


class Intakes:
    """Intakes of this process by session; kept over a feeder's reconnect until the session ends."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._intakes: dict[str, Intake] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """Return the number of sessions held."""
        return len(self._intakes)

    def open(self, session_id: str, config: SessionConfig, next_seq: int) -> Intake:
        """Return the intake that goes on at ``next_seq``, with its decoder's state if it is here.

        Raises:
            InvalidInput: The encoding cannot be decoded here.
        """
        self._stay(session_id)
        intake = self._intakes.get(session_id)
        if intake is None or intake.next_seq != next_seq:
            if intake is not None:
                intake.close()
            intake = Intake(self._manager, session_id, config, next_seq)
            self._intakes[session_id] = intake
        return intake

    def drop(self, session_id: str) -> None:
        """Forget a session that takes no more audio."""
        self._stay(session_id)
        intake = self._intakes.pop(session_id, None)
        if intake is not None:
            intake.close()

    def drop_later(self, session_id: str, after_s: float) -> None:
        """Forget a session whose feeder is gone, unless it is opened again within ``after_s``."""
        self._stay(session_id)
        loop = asyncio.get_running_loop()
        self._leaving[session_id] = loop.call_later(after_s, self.drop, session_id)

    def _stay(self, session_id: str) -> None:
        timer = self._leaving.pop(session_id, None)
        if timer is not None:
            timer.cancel()
