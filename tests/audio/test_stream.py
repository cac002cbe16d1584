"""A session's wire audio becomes 16 kHz s16le, whole and the same however it is cut."""

from __future__ import annotations

import gc
import struct
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetranslate.audio.containers import StreamLimits
from livetranslate.audio.stream import StreamDecoder
from livetranslate.domain.audio import Encoding
from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.session import SessionConfig
from support.sound import container, cut, noise, s16, tone

SIZES = st.lists(st.integers(1, 5000), min_size=1, max_size=5)
COMPRESSED = ("mp3", "webm", "ogg", "flac")


def decode(pieces: list[bytes], encoding: Encoding | str, rate: int = 16_000) -> bytes:
    decoder = StreamDecoder(Encoding(encoding), rate)
    return b"".join([decoder.decode(piece) for piece in pieces]) + decoder.flush()


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32768.0


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    n = min(len(first), len(second))
    return float(np.corrcoef(first[:n], second[:n])[0, 1])


def raw(encoding: Encoding, audio: np.ndarray) -> bytes:
    if encoding is Encoding.PCM_F32LE:
        return audio.astype("<f4").tobytes()
    if encoding is Encoding.MULAW:
        wav = container(audio, "wav", codec="pcm_mulaw")
        return wav[wav.index(b"data") + 8 :][: len(audio)]
    return s16(audio)


def test_pcm_at_the_platforms_rate_passes_bit_for_bit() -> None:
    data = np.arange(-32768, 32768, dtype="<i2").tobytes()
    assert decode(cut(data, [3, 1000]), "pcm_s16le") == data


@settings(deadline=None, max_examples=60)
@given(
    encoding=st.sampled_from([Encoding.PCM_S16LE, Encoding.PCM_F32LE, Encoding.MULAW]),
    rate=st.integers(8_000, 48_000),
    length=st.integers(0, 12_000),
    sizes=SIZES,
)
def test_no_sample_is_lost_and_cuts_change_nothing(
    encoding: Encoding, rate: int, length: int, sizes: list[int]
) -> None:
    data = raw(encoding, noise(1.0, 12_000)[:length]) if length else b""
    whole = decode([data], encoding, rate)
    assert abs(len(whole) // 2 - length * 16_000 / rate) <= 1
    assert decode(cut(data, sizes), encoding, rate) == whole


@pytest.mark.parametrize("encoding", [Encoding.PCM_S16LE, Encoding.PCM_F32LE, Encoding.MULAW])
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_a_tone_keeps_pitch_and_level(encoding: Encoding, rate: int) -> None:
    heard = samples(decode([raw(encoding, tone(1.0, rate))], encoding, rate))
    wanted = tone(1.0)[: len(heard)]
    assert np.abs(heard - wanted)[400:-400].max() < 0.02


@pytest.mark.parametrize("form", [*COMPRESSED, "wav"])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_containers_decode_to_the_audio_in_them(form: str, rate: int) -> None:
    audio = tone(2.0, rate, 300) + noise(2.0, rate, 0.02)
    data = container(audio, form, rate)
    heard = samples(decode(cut(data, [700]), form, 8_000))
    assert len(heard) == pytest.approx(32_000, abs=1200)
    if form in ("wav", "flac"):
        assert len(heard) == 32_000
        assert likeness(heard, samples(decode([s16(audio)], "pcm_s16le", rate))) > 0.9999
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * 16_000 / len(heard) == pytest.approx(300, abs=2)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.213, rel=0.1)


@pytest.mark.parametrize("form", [*COMPRESSED, "wav"])
@settings(deadline=None, max_examples=8)
@given(sizes=SIZES)
def test_cuts_do_not_change_a_container(form: str, sizes: list[int]) -> None:
    data = container(noise(1.2), form, 48_000 if form in ("webm", "ogg") else 16_000)
    assert decode(cut(data, sizes), form) == decode([data], form)


@pytest.mark.parametrize("form", COMPRESSED)
def test_samples_come_while_the_stream_runs(form: str) -> None:
    data = container(noise(6.0), form)
    decoder = StreamDecoder(Encoding(form), 16_000)
    early = b"".join(decoder.decode(piece) for piece in cut(data[: len(data) * 2 // 3], [999]))
    decoder.close()
    assert len(early) // 2 > 16_000 * 2


def test_stereo_keeps_its_level() -> None:
    data = container(tone(1.0, level=0.9), "wav", channels=2)
    assert np.abs(samples(decode([data], "wav"))).max() == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(
    "codec", ["pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"]
)
def test_wav_sample_formats(codec: str) -> None:
    audio = tone(0.5)
    heard = samples(decode(cut(container(audio, "wav", codec=codec), [101]), "wav"))
    assert len(heard) == len(audio)
    assert np.abs(heard - audio).max() < 0.02


def test_wav_of_unknown_length_runs_to_its_end_and_files_follow_one_another() -> None:
    audio = tone(0.5)
    wav = container(audio, "wav")
    at = wav.index(b"data") + 4
    live = wav[:at] + struct.pack("<I", 0xFFFFFFFF) + wav[at + 4 :]
    assert decode(cut(live, [333]), "wav") == s16(audio)
    assert decode(cut(wav + wav, [333]), "wav") == s16(audio) * 2


def test_too_loud_floats_are_clipped() -> None:
    loud = np.array([1.5, -1.5, 1.0, -1.0, 0.5, 0.0], "<f4").tobytes()
    assert np.frombuffer(decode([loud], "pcm_f32le"), "<i2").tolist() == [
        32767,
        -32768,
        32767,
        -32768,
        16384,
        0,
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_a_chunk_of_impossible_floats_is_refused_and_the_next_one_taken(bad: float) -> None:
    decoder = StreamDecoder(Encoding.PCM_F32LE, 16_000)
    good = tone(0.1).astype("<f4").tobytes()
    before = decoder.decode(good)
    with pytest.raises(InvalidInput) as refused:
        decoder.decode(np.array([0.1, bad], "<f4").tobytes())
    assert refused.value.field == "encoding"
    assert before + decoder.decode(good) + decoder.flush() == s16(tone(0.1)) * 2


def test_integers_declared_as_floats_are_refused() -> None:
    with pytest.raises(InvalidInput, match="encoding"):
        decode([s16(noise(1.0, level=0.5))], "pcm_f32le")


@pytest.mark.parametrize("declared", [*COMPRESSED, "wav", "pcm_s16le", "pcm_f32le", "mulaw"])
@pytest.mark.parametrize("sent", [*COMPRESSED, "wav"])
def test_another_container_than_declared_is_refused_by_name(declared: str, sent: str) -> None:
    if declared == sent or (sent == "mp3" and not Encoding(declared).is_container):
        return
    with pytest.raises(InvalidInput) as refused:
        decode(cut(container(noise(0.5), sent), [5]), declared)
    assert refused.value.field == "encoding"
    assert declared in refused.value.message


@pytest.mark.parametrize("declared", [*COMPRESSED, "wav"])
@pytest.mark.parametrize("head", [b"", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"ID3\x04\0", b"RIFF"])
def test_garbage_is_refused(declared: str, head: bytes) -> None:
    garbage = head + np.random.default_rng(5).bytes(200_000)
    with pytest.raises(InvalidInput) as refused:
        decode(cut(garbage, [4096]), declared)
    assert refused.value.field == "encoding"


@pytest.mark.parametrize("form", [*COMPRESSED, "wav"])
def test_a_stream_cut_off_gives_what_came_before(form: str) -> None:
    data = container(noise(5.0), form)
    whole = decode([data], form)
    for share in (0.9, 0.7, 0.5):
        part = decode([data[: int(len(data) * share)]], form)
        assert len(part) <= len(whole)
        assert len(part) > len(whole) * share - 1.3 * 32_000  # a page of Ogg holds a second
    with pytest.raises(InvalidInput, match="encoding|first sample|audio"):
        decode([data[:20]], form)


@pytest.mark.parametrize("form", [*COMPRESSED, "wav"])
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_damage_never_does_worse_than_an_error(form: str, data: st.DataObject) -> None:
    good = bytearray(container(noise(0.5), form))
    for _ in range(data.draw(st.integers(1, 30))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        pcm = decode(cut(bytes(good), [1000]), form)
    except InvalidInput as refused:
        assert refused.field == "encoding"
    else:
        assert len(pcm) % 2 == 0


def test_a_decompression_bomb_is_refused() -> None:
    bomb = container(np.zeros(16_000 * 60, np.float32), "flac")
    decoder = StreamDecoder(Encoding.FLAC, 16_000, StreamLimits(max_chunk_s=20))
    with pytest.raises(InvalidInput, match="20 s"):
        decoder.decode(bomb)
    with pytest.raises(InvalidInput, match="20 s"):
        decoder.decode(bomb)
    with pytest.raises(InvalidInput, match="20 s"):
        decoder.flush()


def test_bytes_without_audio_are_bounded() -> None:
    decoder = StreamDecoder(Encoding.WEBM, 16_000, StreamLimits(max_silent_bytes=100_000))
    data = container(noise(0.3), "webm")
    cluster = data.index(b"\x1f\x43\xb6\x75")
    endless = data[:cluster] + b"\xec\x01\x00\x00\xff\xff\xff\xff\xff"  # a void of 4 TiB
    with pytest.raises(InvalidInput, match="without any audio"):
        for piece in cut(endless + bytes(500_000), [50_000]):
            decoder.decode(piece)
    decoder.close()


def test_nothing_sent_is_no_error_and_the_end_is_final() -> None:
    for encoding in Encoding:
        decoder = StreamDecoder.for_config(SessionConfig(encoding=encoding))
        assert decoder.decode(b"") == b""
        assert decoder.flush() == b""
        assert decoder.flush() == b""
        with pytest.raises(InvalidInput):
            decoder.decode(b"\0\0")


def test_the_configured_rate_is_used() -> None:
    decoder = StreamDecoder.for_config(SessionConfig(sample_rate=8_000))
    pcm = decoder.decode(s16(tone(1.0, 8_000))) + decoder.flush()
    assert len(pcm) == 32_000


def test_an_abandoned_stream_leaves_no_thread() -> None:
    before = threading.active_count()
    decoder = StreamDecoder(Encoding.OGG, 16_000)
    decoder.decode(container(noise(0.5), "ogg")[:2000])
    threads = [t for t in threading.enumerate() if t.name == "audio-stream"]
    assert threads
    del decoder
    gc.collect()
    for thread in threads:
        thread.join(5)
    assert threading.active_count() <= before
