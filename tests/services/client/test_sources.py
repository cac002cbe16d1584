"""Audio of a client: files, pipes, pace."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from livetranslate.domain.errors import InvalidInput, NotFound
from livetranslate.services.client import microphone
from livetranslate.services.client.sources import (
    CHUNK_BYTES,
    file_chunks,
    in_thread,
    paced,
    pipe_chunks,
)
from support.sound import container, noise, s16
from support.speech import recording


def test_a_file_comes_whole_in_chunks_of_a_tenth_of_a_second() -> None:
    spoken = recording("en_22")
    chunks = list(file_chunks(spoken.path))
    assert {len(chunk) for chunk in chunks[:-1]} == {CHUNK_BYTES} == {3200}
    assert b"".join(chunks) == s16(spoken.audio)


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_a_pipe_with_a_container(form: str) -> None:
    audio = noise(0.55)
    chunks = list(pipe_chunks(io.BytesIO(container(audio, form)), 8_000))
    assert b"".join(chunks) == s16(audio)


def test_a_pipe_with_bare_samples_has_the_rate_it_is_told() -> None:
    pcm = s16(noise(1.0, 8_000))
    assert b"".join(pipe_chunks(io.BytesIO(s16(noise(0.3))), 16_000)) == s16(noise(0.3))
    assert len(b"".join(pipe_chunks(io.BytesIO(pcm), 8_000))) == 32_000
    assert list(pipe_chunks(io.BytesIO(b""), 8_000)) == []


def test_a_pipe_cannot_carry_mp4() -> None:
    with pytest.raises(InvalidInput, match="file's name"):
        list(pipe_chunks(io.BytesIO(b"\0\0\0 ftypisom" + bytes(50)), 16_000))


async def test_chunks_from_a_thread_come_in_order_with_their_error() -> None:
    def source() -> Iterator[bytes]:
        for number in range(300):
            yield number.to_bytes(2, "big")
        raise InvalidInput("broken", field="file")

    found: list[bytes] = []
    with pytest.raises(InvalidInput, match="broken"):
        async for chunk in in_thread(source()):
            found.append(chunk)
    assert [int.from_bytes(chunk, "big") for chunk in found] == list(range(300))


async def test_pace_is_that_of_speech() -> None:
    now = 100.0
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        waits.append(seconds)
        now += seconds

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal now
        for number in range(4):
            if number == 2:
                now += 0.15  # the source was late; what follows catches up
            yield bytes(CHUNK_BYTES)

    times = [now async for _ in paced(chunks(), 2.0, clock=lambda: now, sleep=sleep)]
    assert times == pytest.approx([100.05, 100.1, 100.25, 100.25])
    assert waits == pytest.approx([0.05, 0.05])


class FakePortAudio:
    """A microphone of 48 kHz in place of PortAudio."""

    PortAudioError = OSError

    def __init__(self, *, device: bool = True) -> None:
        self._device = device

    def check_input_settings(self, **_: object) -> None:
        raise OSError("Invalid sample rate")

    def query_devices(self, device: object, kind: str) -> dict[str, float]:
        if not self._device:
            raise OSError("no device")
        return {"default_samplerate": 48_000.0}

    def RawInputStream(self, **settings: object) -> FakePortAudio:
        assert settings["samplerate"] == 48_000
        return self

    def __enter__(self) -> FakePortAudio:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def read(self, frames: int) -> tuple[bytes, bool]:
        return np.zeros(frames, "<i2").tobytes(), False


def test_a_microphone_of_another_rate_is_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "import_module", lambda _: FakePortAudio())
    chunks = microphone.microphone_chunks()
    assert [len(next(chunks)) for _ in range(5)] == [CHUNK_BYTES] * 5


@pytest.mark.parametrize(
    ("error", "remedy"),
    [(ImportError(), r"livetranslate\[mic\]"), (OSError(), "libportaudio2")],
)
def test_a_missing_microphone_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, error: Exception, remedy: str
) -> None:
    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr(microphone, "import_module", fail)
    with pytest.raises(NotFound, match=remedy):
        microphone.microphone_chunks()


def test_no_device_names_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "import_module", lambda _: FakePortAudio(device=False))
    with pytest.raises(NotFound, match="sounddevice"):
        microphone.microphone_chunks("3")


def test_a_missing_file() -> None:
    with pytest.raises(NotFound):
        list(file_chunks(Path("nowhere.wav")))
