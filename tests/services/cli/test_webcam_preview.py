"""``livetranslate webcam preview``: captions from files to a video a user can look at."""

from __future__ import annotations

import json
from pathlib import Path

import av
import msgspec
import pytest

from livetranslate.domain.events import TranslationResult
from livetranslate.services.cli import app as cli
from support.events import at, segment
from support.pictures import shows

SRT = """1
00:00:00,000 --> 00:00:01,000
Anna: We would like twenty chicken, please.
"""
TRANSLATED = SRT.replace("Anna: We would like twenty chicken, please.", "Veinte pollos, por favor.")


def last_frame(path: Path):
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return len(frames), frames[-1].to_ndarray(format="rgb24")


def test_subtitles_and_their_translation_become_a_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "o.srt").write_text(SRT)
    (tmp_path / "t.srt").write_text(TRANSLATED)
    arguments = ["webcam", "preview", str(tmp_path / "o.srt"), "--translation"]
    arguments += [str(tmp_path / "t.srt"), "-l", "en", "-t", "es", "--fps", "5", "--seconds", "3"]
    code = cli.run([*arguments, "--out", str(tmp_path / "clip.mp4"), "--json"])
    status = json.loads(capsys.readouterr().out)
    assert code == 0 and status["frames"] == 15
    count, picture = last_frame(tmp_path / "clip.mp4")
    assert count == 15
    assert shows(picture, "We would like twenty chicken, please.", "en")
    assert shows(picture, "Veinte pollos, por favor.", "es", translated=True)


def test_events_of_a_session_become_a_picture(tmp_path: Path):
    translation = TranslationResult(
        session_id="a",
        timestamp=at(4.0),
        segment_id="s0",
        translated_text="hola mundo",
        source_language="en",
        target_language="es",
        confidence=None,
        is_final=True,
        engine=None,
    )
    heartbeat = b'{"type":"heartbeat"}'
    lines = [heartbeat, *map(msgspec.json.encode, (segment("a", 0, "hello world"), translation))]
    (tmp_path / "s.jsonl").write_bytes(b"\n".join(lines))
    path = tmp_path / "last.png"
    arguments = ["webcam", "preview", str(tmp_path / "s.jsonl"), "--seconds", "2", "--fps", "2"]
    assert cli.run([*arguments, "--picture", str(path)]) == 0
    _, picture = last_frame(path)
    assert shows(picture, "hello world", "en")
    assert shows(picture, "hola mundo", "es", translated=True)


@pytest.mark.parametrize(
    ("name", "content", "extra", "said"),
    [
        ("o.srt", SRT, [], "nothing to write"),
        ("o.srt", SRT, ["--out", "x.avi"], "a video ends in"),
        ("o.srt", SRT, ["--out", "x.mp4", "--theme", "pink"], "there is no theme"),
        ("o.srt", SRT, ["--out", "x.mp4", "--size", "big"], "1280x720"),
        ("o.srt", SRT, ["--out", "x.mp4", "--size", "1281x720"], "width"),
        ("o.srt", "", ["--out", "x.mp4"], "no subtitles"),
        ("o.jsonl", "{", ["--out", "x.mp4"], "line 1"),
        ("o.jsonl", '{"type":"heartbeat"}', ["--out", "x.mp4"], "no captions"),
        ("o.jsonl", '{"type":"transcription_result"}', ["--out", "x.mp4"], "line 1"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: str,
    extra: list[str],
    said: str,
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(content)
    assert cli.run(["webcam", "preview", name, *extra]) == 1
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]):
    assert cli.run(["webcam", "preview", "nowhere.srt", "--out", "x.mp4"]) == 1
    assert "there is no file" in capsys.readouterr().err
