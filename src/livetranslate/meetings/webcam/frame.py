"""A frame, and the forms in which it leaves."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Protocol

import av
import msgspec
import numpy as np
from numpy.typing import NDArray


class Area(msgspec.Struct, frozen=True):
    """A rectangle of the picture in pixels, from its upper left corner."""

    left: int
    top: int
    width: int
    height: int


class Picture:
    """The picture as it is now; frames in which nothing changes share one.

    Its other forms are made when first asked for, and only once.

    Attributes:
        version: Grows with each change.
        changed: What differs from the version before.
        rgba: Straight RGBA, shape (height, width, 4), uint8, not writable. The next version is
            drawn into the same memory: copy what is to be kept.
    """

    def __init__(
        self, version: int, changed: Area, rgba: NDArray[np.uint8], ground: tuple[int, int, int]
    ) -> None:
        self.version = version
        self.changed = changed
        self.rgba = rgba.view()
        self.rgba.flags.writeable = False
        self._ground = ground
        self._yuv: av.VideoFrame | None = None
        self._i420: bytes | None = None
        self._png: bytes | None = None

    def opaque(self) -> NDArray[np.uint8]:
        """Return it as RGB, shape (height, width, 3): on the theme's colour where transparent."""
        alpha = self.rgba[..., 3:]
        if alpha.min() == 255:
            return np.ascontiguousarray(self.rgba[..., :3])
        share = alpha.astype(np.float32) / 255
        ground = np.asarray(self._ground, np.float32)
        mixed = self.rgba[..., :3] * share + ground * (1 - share)
        return np.rint(mixed).astype(np.uint8)

    def yuv(self) -> av.VideoFrame:
        """Return it as a planar YUV 4:2:0 frame of BT.709 in the range of video."""
        if self._yuv is None:
            rgb = av.VideoFrame.from_ndarray(self.opaque(), format="rgb24")
            self._yuv = rgb.reformat(format="yuv420p", dst_colorspace="ITU709")
        return self._yuv

    def i420(self) -> bytes:
        """Return it as I420: the Y plane, then U and V at half the width and height."""
        if self._i420 is None:
            self._i420 = self.yuv().to_ndarray().tobytes()
        return self._i420

    def png(self) -> bytes:
        """Return it as a PNG file, with its transparency."""
        if self._png is None:
            self._png = encode_png(self.rgba)
        return self._png

    def changed_png(self) -> bytes:
        """Return what changed as a PNG file: for a page that keeps the rest."""
        area = self.changed
        rows = slice(area.top, area.top + area.height)
        return encode_png(self.rgba[rows, area.left : area.left + area.width])


class Frame(msgspec.Struct, frozen=True):
    """One frame.

    Attributes:
        number: From 0, one more each; a number left out was too late to be made.
        picture: What it shows.
    """

    number: int
    picture: Picture


class FrameSink(Protocol):
    """Takes frames: a file, a video, a page's camera.

    Both methods are called in one thread, never at once. One that raises is closed and left out.
    """

    written: int
    """Frames taken so far."""

    def write(self, frame: Frame) -> None:
        """Take a frame; what is kept of its picture must be copied."""
        ...

    def close(self) -> None:
        """Finish; called once."""
        ...


def encode_png(rgba: NDArray[np.uint8]) -> bytes:
    """Return straight RGBA, shape (height, width, 4), as a PNG file."""
    context: Any = av.CodecContext.create("png", "w")
    context.height, context.width = rgba.shape[:2]
    context.pix_fmt = "rgba"
    context.time_base = Fraction(1, 1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgba), format="rgba")
    packets = [*context.encode(frame), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
