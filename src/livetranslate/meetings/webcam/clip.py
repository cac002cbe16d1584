"""A clip of given captions: the webcam in time of its own, as fast as the machine draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from livetranslate.meetings.webcam.frame import Frame
from livetranslate.meetings.webcam.timed import TimedPacket
from livetranslate.meetings.webcam.webcam import Webcam

MAX_SECONDS = 4 * 3600.0


def length_s(packets: Sequence[TimedPacket], webcam: Webcam) -> float:
    """Return how long it takes until the last caption has faded, in seconds."""
    subtitles = webcam.options.subtitles
    last = max((timed.at_s for timed in packets), default=0.0)
    return min(MAX_SECONDS, last + subtitles.hold_s + subtitles.fade_s + 0.5)


def make_clip(
    webcam: Webcam,
    packets: Sequence[TimedPacket],
    seconds: float,
    *,
    progress: Callable[[float], None] | None = None,
) -> Frame | None:
    """Give all frames of some seconds to the webcam's sinks, and close them.

    Args:
        webcam: Not run otherwise.
        packets: In the order of their times.
        seconds: How long.
        progress: Told the share done, 0-1, after each frame.

    Returns:
        The last frame; None for no seconds at all.
    """
    frame = None
    following = 0
    total = round(seconds * webcam.options.fps)
    try:
        for number in range(total):
            now = number / webcam.options.fps
            while following < len(packets) and packets[following].at_s <= now:
                webcam.show(packets[following].packet)
                following += 1
            frame = webcam.frame(number, now)
            if progress is not None:
                progress((number + 1) / total)
    finally:
        webcam.close()
    return frame
