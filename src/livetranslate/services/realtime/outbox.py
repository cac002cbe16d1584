"""The bounded queue between what happens and one connection that is told of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable

import msgspec

from livetranslate.services.realtime.frames import Frame


class OutboxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one connection's backlog.

    Attributes:
        max_frames: Frames that may wait.
        max_chars: Characters of JSON that may wait.
    """

    max_frames: int = 1024
    max_chars: int = 4 * 1024 * 1024


class Outbox:
    """Frames that wait for one connection.

    Overflow policy: previews coalesce to the newest of their segment; nothing else is dropped. When
    there is no room even so, the outbox is **overflowed**: it takes nothing more, ``on_overflow``
    is called once, and its connection has to be closed. Putting never waits.
    """

    def __init__(
        self, options: OutboxOptions, on_overflow: Callable[[], None] | None = None
    ) -> None:
        self._options = options
        self._on_overflow = on_overflow
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._replaceable: dict[Hashable, int] = {}
        self._ticket = 0
        self._chars = 0
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self.overflowed = False

    def __len__(self) -> int:
        """Return the number of frames that wait."""
        return len(self._frames)

    def put(self, frame: Frame) -> None:
        """Append a frame, dropping the preview it supersedes."""
        if self.overflowed:
            return
        if frame.key is not None:
            superseded = self._replaceable.pop(frame.key, None)
            if superseded is not None:
                self._chars -= len(self._frames.pop(superseded).text)
        size = len(frame.text)
        if (
            len(self._frames) >= self._options.max_frames
            or self._chars + size > self._options.max_chars
        ):
            self.overflowed = True
            if self._on_overflow is not None:
                self._on_overflow()
            return
        self._ticket += 1
        self._frames[self._ticket] = frame
        self._chars += size
        if frame.replaceable:
            self._replaceable[frame.key] = self._ticket
        self._filled.set()
        if not self._below_half():
            self._drained.clear()

    async def get(self) -> Frame:
        """Remove and return the oldest frame, waiting for one."""
        while not self._frames:
            self._filled.clear()
            await self._filled.wait()
        return self._pop()

    def get_nowait(self) -> Frame | None:
        """Remove and return the oldest frame, or None."""
        return self._pop() if self._frames else None

    async def room(self) -> None:
        """Wait until the outbox is less than half full; for replays, which can be read slower."""
        await self._drained.wait()

    def _pop(self) -> Frame:
        ticket, frame = self._frames.popitem(last=False)
        self._chars -= len(frame.text)
        if frame.replaceable and self._replaceable.get(frame.key) == ticket:
            del self._replaceable[frame.key]
        if self._below_half():
            self._drained.set()
        return frame

    def _below_half(self) -> bool:
        return (
            2 * len(self._frames) < self._options.max_frames
            and 2 * self._chars < self._options.max_chars
        )
