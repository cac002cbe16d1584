"""From packets to pictures, files and videos: all frames are there, and the text is in them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from livetranslate.domain.errors import InvalidInput
from livetranslate.meetings.webcam.clip import make_clip
from livetranslate.meetings.webcam.frame import Frame
from livetranslate.meetings.webcam.frame_clock import CATCH_UP, FrameClock
from livetranslate.meetings.webcam.options import SubtitleOptions, ThemeName, WebcamOptions
from livetranslate.meetings.webcam.outputs import FrameFiles, RawFormat, RawFrames, VideoFile
from livetranslate.meetings.webcam.timed import TimedPacket
from livetranslate.meetings.webcam.webcam import MAX_WAITING, Webcam
from support.clock import VirtualTimeLoop
from support.packets import spoken, translated
from support.pictures import shows

SENTENCE = "We would like twenty chicken, please."
TRANSLATED = "Quisiéramos veinte pollos, por favor."
OTHER = "They would hate thirty turtles, I guess."
SMALL = WebcamOptions(width=640, height=360, fps=10)


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.written = 0
        self.closed = 0
        self.frames: list[tuple[int, int]] = []

    def write(self, frame: Frame) -> None:
        self.frames.append((frame.number, frame.picture.version))
        self.written += 1

    def close(self) -> None:
        self.closed += 1


class Breaking(Kept):
    """A sink that breaks at its third frame."""

    def write(self, frame: Frame) -> None:
        if self.written == 2:
            raise OSError("the disk is full")
        super().write(frame)


def both() -> list[TimedPacket]:
    return [TimedPacket(0.0, spoken(SENTENCE)), TimedPacket(0.5, translated(TRANSLATED))]


@pytest.mark.parametrize("theme", list(ThemeName))
def test_every_theme_shows_original_and_translation(theme: ThemeName):
    options = WebcamOptions(theme=theme)
    webcam = Webcam(options)
    for timed in both():
        webcam.show(timed.packet)
    rgb = webcam.frame(0, 0.0).picture.opaque()
    assert shows(rgb, SENTENCE, "en")
    assert shows(rgb, TRANSLATED, "es", translated=True)
    assert not shows(rgb, OTHER, "en")


def test_only_a_change_is_drawn_and_the_picture_says_where():
    webcam = Webcam(SMALL)
    empty = webcam.frame(0, 0.0).picture
    webcam.show(spoken(SENTENCE))
    before = np.array(empty.rgba)
    first = webcam.frame(1, 0.1).picture
    changed = np.argwhere((first.rgba != before).any(axis=2))
    area = first.changed
    assert (changed.min(axis=0) >= (area.top, area.left)).all()
    assert (changed.max(axis=0) < (area.top + area.height, area.left + area.width)).all()
    assert all(webcam.frame(n, n / 10).picture is first for n in range(2, 20))
    assert webcam.status().drawn == 1


def test_after_the_fade_the_picture_is_as_it_was():
    options = WebcamOptions(subtitles=SubtitleOptions(hold_s=1.0, fade_s=0.5))
    webcam = Webcam(options)
    empty = np.array(webcam.frame(0, 0.0).picture.rgba)
    webcam.show(spoken(SENTENCE))
    full = np.array(webcam.frame(1, 0.1).picture.rgba, np.int16)
    faint = np.array(webcam.frame(2, 1.45).picture.rgba, np.int16)
    gone = webcam.frame(3, 1.7).picture.rgba
    assert np.array_equal(gone, empty)
    assert np.abs(faint - (empty + 0.3 * (full - empty))).max() <= 2
    assert webcam.status().drawn == 1


def test_lines_of_a_growing_preview_stay_where_they_are():
    webcam = Webcam()
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    webcam.show(spoken(text))
    first = np.array(webcam.frame(0, 0.0).picture.rgba)
    webcam.show(spoken(text + " fifteen"))
    picture = webcam.frame(1, 0.1).picture
    rows = np.argwhere((picture.rgba != first).any(axis=(1, 2))).ravel()
    assert 0 < rows.max() - rows.min() < 60  # the last line alone


def test_a_revised_word_leaves_the_other_line_where_it_is():
    webcam = Webcam()
    text = "incomprehensibly one two three four five six seven eight nine ten eleven twelve"
    webcam.show(spoken(text))
    first = np.array(webcam.frame(0, 0.0).picture.rgba)
    webcam.show(spoken(text.replace("incomprehensibly", "in")))
    picture = webcam.frame(1, 0.1).picture
    rows = np.argwhere((picture.rgba != first).any(axis=(1, 2))).ravel()
    assert 0 < rows.max() - rows.min() < 60  # the first line alone


def test_a_transparent_theme_leaves_the_rest_transparent():
    webcam = Webcam(WebcamOptions(theme=ThemeName.TRANSPARENT, title=""))
    webcam.show(spoken(SENTENCE))
    alpha = webcam.frame(0, 0.0).picture.rgba[..., 3]
    assert (alpha == 0).mean() > 0.8 and (alpha == 255).any()


def test_right_to_left_begins_at_the_right():
    def middle(language: str, text: str) -> float:
        webcam = Webcam(WebcamOptions(title=""))
        webcam.show(spoken(text, speaker=None, language=language))
        pixels = webcam.frame(0, 0.0).picture.rgba[..., 1]
        return float(np.argwhere(pixels > 120)[:, 1].mean())

    assert middle("he", "שלום") > 640 > middle("en", "Hello")


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm"])
def test_the_video_has_every_frame_and_shows_the_text(tmp_path: Path, ending: str):
    options = WebcamOptions(fps=10)
    path = tmp_path / f"clip.{ending}"
    video, kept = VideoFile(path, options), Kept()
    make_clip(Webcam(options, [video, kept]), both(), 1.2)
    assert video.written == kept.written == 12 and kept.closed == 1

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 12
    assert [round(float(frame.time or 0) * 10) for frame in frames] == list(range(12))
    early, last = (picture(frames[number]) for number in (3, 11))
    assert shows(early, SENTENCE, "en") and shows(last, SENTENCE, "en")
    assert shows(last, TRANSLATED, "es", translated=True)
    assert not shows(early, TRANSLATED, "es", translated=True)


def picture(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return frame.to_ndarray(format="rgb24")


def test_every_frame_is_a_file_and_the_same_picture(tmp_path: Path):
    webcam = Webcam(SMALL, [FrameFiles(tmp_path / "frames")])
    last = make_clip(webcam, both(), 1.0)
    files = sorted((tmp_path / "frames").iterdir())
    assert [file.name for file in files] == [f"frame-{number:06d}.png" for number in range(10)]
    with av.open(str(files[-1])) as container:
        decoded = next(container.decode(video=0)).to_ndarray(format="rgba")
    assert last is not None and np.array_equal(decoded, last.picture.rgba)
    assert files[-1].read_bytes() == webcam.png()


def test_raw_frames_have_their_layout():
    taken: dict[RawFormat, list[bytes]] = {form: [] for form in RawFormat}
    sinks = [RawFrames(taken[form].append, form) for form in RawFormat]
    last = make_clip(Webcam(SMALL, sinks), both(), 0.5)
    assert last is not None
    assert [len(one) for one in taken[RawFormat.RGBA]] == [640 * 360 * 4] * 5
    assert [len(one) for one in taken[RawFormat.I420]] == [640 * 360 * 3 // 2] * 5
    planes = np.frombuffer(taken[RawFormat.I420][-1], np.uint8)
    luma = planes[: 640 * 360].reshape(360, 640)
    assert np.corrcoef(luma.ravel(), last.picture.rgba[..., 1].ravel())[0, 1] > 0.99


def test_a_folder_with_frames_is_not_mixed_with_new_ones(tmp_path: Path):
    make_clip(Webcam(SMALL, [FrameFiles(tmp_path)]), both(), 0.2)
    with pytest.raises(InvalidInput, match="another folder"):
        FrameFiles(tmp_path)


@pytest.mark.parametrize("name", ["clip.avi", "clip", "no-such-folder/clip.mp4"])
def test_a_video_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str):
    with pytest.raises(InvalidInput):
        VideoFile(tmp_path / name, SMALL)


@pytest.mark.parametrize("wrong", [{"width": 641}, {"height": 100}, {"fps": 0}, {"width": 10_000}])
def test_sizes_out_of_bounds_are_refused(wrong: dict[str, int]):
    with pytest.raises(InvalidInput) as caught:
        WebcamOptions(**wrong)
    assert caught.value.field in wrong


def test_a_sink_that_breaks_leaves_the_others_alone():
    breaking, kept = Breaking(), Kept()
    webcam = Webcam(SMALL, [breaking, kept])
    make_clip(webcam, both(), 0.5)
    assert (breaking.written, breaking.closed, kept.written) == (2, 1, 5)
    assert webcam.status().failures == ("Breaking, after 2 frames: the disk is full",)


def test_packets_that_wait_are_bounded_and_the_newest_win():
    webcam = Webcam()
    for count in range(MAX_WAITING + 10):
        webcam.show(spoken(f"word {count}"))
    rgb = webcam.frame(0, 0.0).picture.opaque()
    status = webcam.status()
    assert (status.packets, status.dropped) == (MAX_WAITING + 10, 10)
    assert shows(rgb, f"word {MAX_WAITING + 9}", "en")


def test_the_clock_does_not_drift():
    clock = FrameClock(30, start=100.0)
    now, made = 100.0, 0
    while now < 700.0:
        due = clock.due(now)
        made += len(due.numbers)
        now += due.wait_s + 0.004
    assert made == 18_000
    assert (clock.late, clock.skipped) == (0, 0)


def test_late_frames_are_made_up_for_and_beyond_that_left_out():
    clock = FrameClock(10, start=0.0)
    assert clock.due(0.0).numbers == range(0, 1)
    assert clock.due(0.05).numbers == range(1, 1)
    assert clock.due(0.31).numbers == range(1, 4)
    assert (clock.late, clock.skipped) == (2, 0)
    assert clock.due(10.0).numbers == range(101 - CATCH_UP, 101)
    assert clock.skipped == 97 - CATCH_UP


def test_run_makes_frames_at_its_rate_until_it_is_stopped():
    loop = VirtualTimeLoop()

    class Stopping(Kept):
        def write(self, frame: Frame) -> None:
            super().write(frame)
            if frame.number == 99:
                loop.call_soon_threadsafe(webcam.stop)

    sink = Stopping()
    webcam = Webcam(SMALL, [sink], clock=loop.time)
    try:
        loop.run_until_complete(webcam.run())
        took_s = loop.time()
    finally:
        loop.close()
    assert [number for number, _ in sink.frames] == list(range(100))
    assert 9.9 <= took_s < 10.0
    status = webcam.status()
    assert (status.frames, status.late, status.skipped) == (100, 0, 0)
