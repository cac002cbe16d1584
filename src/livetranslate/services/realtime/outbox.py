"""The bounded queue between what happens and one connection that is told of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable

import msgspec

from livetranslate.services.realtime.frames import Frame

REPLAY_FRAMES = 64
"""Frames of a replay that wait for one connection; the log keeps the rest."""
REPLAY_BYTES = 64 * 1024
"""Bytes of them."""


class OutboxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of what waits for connections.

    Attributes:
        max_frames: Frames that may wait for one connection.
        max_bytes: Bytes of JSON that may wait for one.
        max_total_bytes: Bytes that may wait for all of them together; where this is reached, one
            for which nothing waits still takes a frame.
    """

    max_frames: int = 1024
    max_bytes: int = 1024 * 1024
    max_total_bytes: int = 256 * 1024 * 1024


class Waiting:
    """How much waits for all connections of a process together.

    Attributes:
        bytes: Bytes of JSON, counted for each connection they wait for.
    """

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


class Outbox:
    """Frames on their way to one connection.

    A frame goes straight to the connection while that takes it (``send_now``), and waits here
    otherwise. Overflow policy: previews coalesce to the newest of their segment; nothing else is
    dropped. When there is no room even so, the outbox is **overflowed**: it takes nothing more,
    ``on_overflow`` is called once, and its connection has to be closed. Putting never waits.

    Args:
        options: Bounds.
        on_overflow: Called at the overflow.
        total: What waits for all connections; shared.

    Attributes:
        send_now: Sends a frame, or returns False if the connection does not take it now. Without
            it frames wait until somebody gets them.
        overflowed: Whether there was no room.
    """

    __slots__ = (
        "_bytes",
        "_frames",
        "_getter",
        "_on_overflow",
        "_options",
        "_replaceable",
        "_room",
        "_ticket",
        "_total",
        "overflowed",
        "send_now",
    )

    def __init__(
        self,
        options: OutboxOptions,
        on_overflow: Callable[[], None] | None = None,
        *,
        total: Waiting | None = None,
    ) -> None:
        self._options = options
        self._on_overflow = on_overflow
        self._total = total or Waiting()
        # Most connections never have anything waiting: what that takes is made when it is needed.
        self._frames: OrderedDict[int, Frame] | None = None
        self._replaceable: dict[Hashable, int] = {}
        self._ticket = 0
        self._bytes = 0
        self._getter: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self.send_now: Callable[[Frame], bool] | None = None
        self.overflowed = False

    def __len__(self) -> int:
        """Return the number of frames that wait."""
        return len(self._frames) if self._frames else 0

    def put(self, frame: Frame) -> None:
        """Send a frame or let it wait, dropping the preview it supersedes."""
        if not self._frames and self.send_now is not None and self.send_now(frame):
            return
        if self.overflowed:
            return
        if self._frames is None:
            self._frames = OrderedDict()
        if frame.key is not None:
            superseded = self._replaceable.pop(frame.key, None)
            if superseded is not None:
                self._count(-self._frames.pop(superseded).size)
        if not self._has_room_for(frame.size):
            self.overflowed = True
            if self._on_overflow is not None:
                self._on_overflow()
            return
        self._ticket += 1
        self._frames[self._ticket] = frame
        self._count(frame.size)
        if frame.replaceable:
            self._replaceable[frame.key] = self._ticket
        _wake(self._getter)

    async def get(self) -> Frame:
        """Remove and return the oldest frame, waiting for one; for one caller at a time."""
        while (frame := self.get_nowait()) is None:
            self._getter = asyncio.get_running_loop().create_future()
            try:
                await self._getter
            finally:
                self._getter = None
        return frame

    def get_nowait(self) -> Frame | None:
        """Remove and return the oldest frame, or None."""
        if not self._frames:
            return None
        ticket, frame = self._frames.popitem(last=False)
        self._count(-frame.size)
        if frame.replaceable and self._replaceable.get(frame.key) == ticket:
            del self._replaceable[frame.key]
        if self._room is not None and self._roomy():
            _wake(self._room)
        return frame

    def send_on(self) -> None:
        """Send what waits, as far as the connection takes it now."""
        while self._frames and self.send_now is not None:
            oldest = next(iter(self._frames.values()))
            if not self.send_now(oldest):
                return
            self.get_nowait()

    async def room(self) -> None:
        """Wait until little waits; for replays, which can be read later as well."""
        while not self._roomy():
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            room = self._room
            await asyncio.shield(room)
            if self._room is room:
                self._room = None

    def close(self) -> None:
        """Forget what waits and whom it was for, and take nothing more."""
        self.overflowed = True
        self.send_now = self._on_overflow = None
        self._frames = None
        self._count(-self._bytes)
        self._replaceable.clear()

    def _count(self, size: int) -> None:
        self._bytes += size
        self._total.bytes += size

    def _has_room_for(self, size: int) -> bool:
        options = self._options
        if len(self) >= options.max_frames or self._bytes + size > options.max_bytes:
            return False
        return not self._frames or self._total.bytes + size <= options.max_total_bytes

    def _roomy(self) -> bool:
        options = self._options
        return len(self) < min(REPLAY_FRAMES, max(1, options.max_frames // 2)) and (
            self._bytes < min(REPLAY_BYTES, options.max_bytes // 2)
        )


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
