"""Where frames go besides a page's camera: raw streams, numbered files, videos."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import msgspec
from av.video.frame import PictureType

from livetranslate.domain.errors import InvalidInput
from livetranslate.meetings.webcam.frame import Frame
from livetranslate.meetings.webcam.options import WebcamOptions


class RawFormat(str, Enum):
    """Layouts of raw frames."""

    RGBA = "rgba"
    I420 = "i420"


class RawFrames:
    """Gives each frame's bytes to a function, such as a pipe's ``write``.

    Args:
        take: Called with each frame: ``width * height * 4`` bytes of straight RGBA from the upper
            left, or one and a half times ``width * height`` bytes of I420.
        form: Which of the two.
    """

    def __init__(self, take: Callable[[bytes], object], form: RawFormat = RawFormat.RGBA) -> None:
        self._take = take
        self._form = form
        self.written = 0

    def write(self, frame: Frame) -> None:
        """Give a frame's bytes on."""
        picture = frame.picture
        self._take(picture.rgba.tobytes() if self._form is RawFormat.RGBA else picture.i420())
        self.written += 1

    def close(self) -> None:
        """Do nothing: what takes the bytes is its owner's."""


class FrameFiles:
    """Writes every frame as ``frame-000000.png``, numbered as they are.

    Args:
        folder: Made where it is missing; must hold no such files yet.

    Raises:
        InvalidInput: The folder has frames already, or cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(f"{folder}: {error.strerror}", field="frames") from error
        if next(folder.glob("frame-*.png"), None) is not None:
            raise InvalidInput(
                f"{folder} already has frames: name another folder or empty it", field="frames"
            )
        self._folder = folder
        self.written = 0

    def write(self, frame: Frame) -> None:
        """Write a frame's file."""
        path = self._folder / f"frame-{frame.number:06d}.png"
        path.write_bytes(frame.picture.png())
        self.written += 1

    def close(self) -> None:
        """Do nothing: every file is whole."""


class VideoCodec(msgspec.Struct, frozen=True):
    """A video codec of FFmpeg's and how it is set."""

    name: str
    options: dict[str, str]


_H264 = VideoCodec("libx264", {"preset": "veryfast", "crf": "20"})
_OPEN_H264 = VideoCodec("libopenh264", {"b": "4000000"})
_MPEG4 = VideoCodec("mpeg4", {"q": "3", "qmin": "2", "qmax": "6"})
_VP9 = VideoCodec("libvpx-vp9", {"deadline": "realtime", "cpu-used": "7", "crf": "30", "b": "0"})
_VP8 = VideoCodec("libvpx", {"deadline": "realtime", "cpu-used": "8", "crf": "8", "b": "6M"})

CONTAINERS: dict[str, tuple[VideoCodec, ...]] = {
    ".mp4": (_H264, _OPEN_H264, _MPEG4),
    ".mkv": (_H264, _OPEN_H264, _VP9, _VP8, _MPEG4),
    ".webm": (_VP9, _VP8),
}
"""Codecs of each kind of file, best first: the first one that this FFmpeg can write is taken."""


def codec_for(path: Path) -> VideoCodec:
    """Return the codec for a file's ending; raises InvalidInput where there is none."""
    known = CONTAINERS.get(path.suffix.lower())
    if known is None:
        endings = ", ".join(CONTAINERS)
        raise InvalidInput(f"{path.name}: a video ends in {endings}", field="out")
    found = next((codec for codec in known if _can_write(codec.name)), None)
    if found is None:
        names = ", ".join(codec.name for codec in known)
        raise InvalidInput(
            f"the FFmpeg in PyAV has none of {names}: name a file of another kind", field="out"
        )
    return found


class VideoFile:
    """Writes frames to a video at their own times; a frame that was skipped leaves its gap.

    Args:
        path: The file; its ending chooses container and codec.
        options: Size and rate.

    Raises:
        InvalidInput: The ending is unknown, or the file cannot be written.
    """

    def __init__(self, path: Path, options: WebcamOptions) -> None:
        self.codec = codec_for(path)
        self._time_base = Fraction(1, options.fps)
        try:
            self._container: Any = av.open(str(path), "w")
            self._stream: Any = self._container.add_stream(
                self.codec.name, rate=options.fps, options=self.codec.options
            )
            self._stream.width, self._stream.height = options.width, options.height
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = self._time_base
            self._container.start_encoding()
        except (OSError, av.error.FFmpegError) as error:
            raise InvalidInput(f"{path} cannot be written: {error}", field="out") from error
        self.written = 0

    def write(self, frame: Frame) -> None:
        """Encode a frame."""
        picture = frame.picture.yuv()
        picture.pts = frame.number
        picture.time_base = self._time_base
        picture.pict_type = PictureType.NONE
        self._container.mux(self._stream.encode(picture))
        self.written += 1

    def close(self) -> None:
        """Encode what is held and finish the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _can_write(codec: str) -> bool:
    try:
        av.Codec(codec, "w")
    except (ValueError, av.error.FFmpegError):
        return False
    return True
