"""The camera in the page: takes the webcam's frames, and gives the page what changed."""

from __future__ import annotations

import asyncio
import threading

import msgspec

from livetranslate.meetings.webcam.frame import Frame


class Patch(msgspec.Struct, frozen=True):
    """A part of the picture in pixels, as a PNG file."""

    png: bytes
    left: int
    top: int
    width: int
    height: int


class PageCamera:
    """A sink of the webcam. The page repeats its picture at its own rate, so only changes travel.

    A change that comes while another is on its way waits; a second one takes its place, and the
    whole picture is sent then: the newest wins.

    Args:
        loop: Where the page is driven.

    Attributes:
        written: Frames taken.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.written = 0
        self._loop = loop
        self._changed = asyncio.Event()
        self._lock = threading.Lock()
        self._version: int | None = None
        self._whole: Patch | None = None
        self._pending: Patch | None = None

    def write(self, frame: Frame) -> None:
        """Take a frame; called in the webcam's thread."""
        self.written += 1
        picture = frame.picture
        if picture.version == self._version:
            return
        height, width = picture.rgba.shape[:2]
        whole = Patch(picture.png(), 0, 0, width, height)
        area = picture.changed
        part = Patch(picture.changed_png(), area.left, area.top, area.width, area.height)
        with self._lock:
            follows = self._version is not None and picture.version == self._version + 1
            self._version, self._whole = picture.version, whole
            self._pending = part if follows and self._pending is None else whole
        self._loop.call_soon_threadsafe(self._changed.set)

    def close(self) -> None:
        """Nothing is held."""

    def whole(self) -> Patch | None:
        """Return the whole picture, for a new page; None before the first frame."""
        with self._lock:
            self._pending = None
            return self._whole

    async def next(self) -> Patch | None:
        """Wait for a change, and return it."""
        await self._changed.wait()
        self._changed.clear()
        with self._lock:
            pending, self._pending = self._pending, None
            return pending
