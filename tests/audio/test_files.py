"""Whole files: any container, honest rates, clear refusals."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from livetranslate.audio.files import AudioLimits, decode_blocks, decode_file
from livetranslate.domain.errors import InvalidInput, MessageTooLarge, NotFound
from support.sound import container, noise, tone

SPEECH = Path(__file__).parent.parent / "fixtures" / "speech"


def video(audio: bool) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as target:
        picture = target.add_stream("mpeg4", rate=10, width=64, height=48, pix_fmt="yuv420p")
        sound = target.add_stream("aac", rate=44_100, layout="mono") if audio else None
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        for _ in range(10):
            target.mux(picture.encode(frame))
        target.mux(picture.encode(None))
        if sound is not None:
            samples = tone(1.0, 44_100)[None, :]
            heard = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            heard.sample_rate = 44_100
            target.mux(sound.encode(heard))
            target.mux(sound.encode(None))
    return out.getvalue()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("form", ["wav", "flac", "mp3"])
def test_a_files_own_rate_is_honoured(form: str, rate: int) -> None:
    heard = decode_file(container(tone(1.0, rate, 500), form, rate))
    assert heard.dtype == np.float32
    assert len(heard) == pytest.approx(16_000, abs=1200)
    assert np.argmax(np.abs(np.fft.rfft(heard))) * 16_000 / len(heard) == pytest.approx(500, abs=3)


def test_blocks_are_the_file_in_order() -> None:
    data = container(noise(3.3), "wav")
    blocks = list(decode_blocks(data, AudioLimits(block_s=1.0)))
    assert [len(block) for block in blocks] == [16_000, 16_000, 16_000, 4_800]
    assert np.array_equal(np.concatenate(blocks), decode_file(data))


def test_a_path_an_open_file_and_bytes_give_the_same() -> None:
    path = SPEECH / "en_22_en+m3.flac"
    first = decode_file(path)
    with path.open("rb") as file:
        assert np.array_equal(first, decode_file(file))
    assert np.array_equal(first, decode_file(path.read_bytes()))
    assert len(first) / 16_000 == pytest.approx(3.077, abs=0.01)


def test_the_sound_of_a_video() -> None:
    heard = decode_file(video(audio=True))
    assert len(heard) == pytest.approx(16_000, abs=1500)
    with pytest.raises(InvalidInput, match="no audio stream"):
        decode_file(video(audio=False))


@pytest.mark.parametrize(
    "content",
    [
        b"no audio at all, but long enough to be looked at " * 50,
        np.random.default_rng(1).bytes(50_000),
        container(noise(1.0), "flac")[:30],
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)
def test_what_is_no_audio_is_refused_and_opens_nothing_else(content: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_file(content, field="file")
    assert refused.value.field == "file"


def test_empty_too_big_too_long_and_missing_files() -> None:
    data = container(noise(3.0), "flac")
    with pytest.raises(InvalidInput, match="empty"):
        decode_file(b"")
    with pytest.raises(InvalidInput, match="empty"):
        decode_file(container(noise(1.0), "wav")[:78])
    with pytest.raises(MessageTooLarge, match="at most 1000"):
        decode_file(data, AudioLimits(max_bytes=1000))
    with pytest.raises(InvalidInput, match="longer than 2 seconds"):
        decode_file(data, AudioLimits(max_seconds=2))
    with pytest.raises(NotFound, match="nowhere"):
        decode_file(Path("nowhere.wav"))


def test_a_bomb_stops_at_its_limit_not_at_its_end() -> None:
    bomb = container(np.zeros(16_000 * 300, np.float32), "flac")
    seconds = 0.0
    with pytest.raises(InvalidInput, match="longer than 20 seconds"):
        for block in decode_blocks(bomb, AudioLimits(max_seconds=20, block_s=1)):
            seconds += len(block) / 16_000
    assert seconds <= 20
