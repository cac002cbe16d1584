"""Endpointing by probabilities alone, the network, and the voice track that keeps the audio."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from livetranslate.asr.vad import (
    FRAME,
    Boundary,
    Endpointer,
    EndpointerState,
    SileroVad,
    VadOptions,
    VoiceState,
)
from livetranslate.asr.voice import TrackState, VoiceTrack
from support.sound import noise
from support.speech import recording

OPTIONS = VadOptions(
    threshold=0.5,
    release=0.3,
    min_speech_s=2 * FRAME / 16_000,
    endpoint_s=5 * FRAME / 16_000,
    padding_s=3 * FRAME / 16_000,
)


def run(probabilities: list[float], endpointer: Endpointer | None = None) -> list[Boundary]:
    endpointer = endpointer or Endpointer(OPTIONS)
    return [found for each in probabilities if (found := endpointer.accept(each)) is not None]


def in_frames(boundaries: list[Boundary]) -> list[tuple[VoiceState, float]]:
    return [(boundary.state, boundary.at / FRAME) for boundary in boundaries]


SPEECH, SILENCE = VoiceState.SPEECH, VoiceState.SILENCE


def test_speech_begins_with_its_first_frame_and_ends_with_its_last() -> None:
    found = run([0.1] * 3 + [0.9] * 4 + [0.1] * 6)
    assert in_frames(found) == [(SPEECH, 3), (SILENCE, 7)]


def test_a_burst_is_no_speech() -> None:
    assert run([0.1, 0.9, 0.1, 0.9, 0.1] * 3) == []


def test_a_pause_shorter_than_the_endpoint_goes_on() -> None:
    found = run([0.9] * 2 + ([0.1] * 4 + [0.9]) * 3 + [0.1] * 5)
    assert in_frames(found) == [(SPEECH, 0), (SILENCE, 17)]


def test_speech_may_get_softer_but_must_begin_loud() -> None:
    assert run([0.4] * 20) == []
    assert in_frames(run([0.9] * 2 + [0.4] * 10 + [0.2] * 5)) == [(SPEECH, 0), (SILENCE, 12)]


@given(
    probabilities=st.lists(st.sampled_from([0.0, 0.4, 0.9]), max_size=60),
    cut_at=st.integers(0, 60),
)
def test_boundaries_alternate_and_another_endpointer_goes_on(
    probabilities: list[float], cut_at: int
) -> None:
    whole = run(probabilities)
    states = [boundary.state for boundary in whole]
    assert states == [SPEECH, SILENCE] * (len(states) // 2) + [SPEECH] * (len(states) % 2)
    assert [boundary.at for boundary in whole] == sorted(boundary.at for boundary in whole)
    first = Endpointer(OPTIONS)
    before = run(probabilities[:cut_at], first)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(first.state()), type=EndpointerState)
    assert before + run(probabilities[cut_at:], Endpointer(OPTIONS, state)) == whole


def as_pcm(audio: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16)


def test_the_network_hears_speech_and_neither_noise_nor_silence() -> None:
    speech = recording("en_01").audio
    assert np.quantile(SileroVad().accept(speech), 0.6) > 0.8
    assert SileroVad().accept(noise(2.0, level=0.05)).max() < 0.4
    assert SileroVad().accept(np.zeros(32_000, np.float32)).max() < 0.2


def test_the_network_gives_the_same_in_pieces_and_from_its_state() -> None:
    audio = recording("en_03").audio[:32_000]
    whole = SileroVad().accept(audio)
    assert len(whole) == len(audio) // FRAME
    vad, pieces = SileroVad(), []
    for start in range(0, len(audio), 700):
        pieces.append(vad.accept(audio[start : start + 700]))
        vad = SileroVad(vad.state())
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-5)
    assert len(vad.state()) <= 3_400


# The voice track: speech between two long pauses, with what comes before and after.

PAUSE = np.zeros(32_000, np.float32)
SPOKEN = recording("en_25").audio
SESSION = as_pcm(np.concatenate([PAUSE, SPOKEN, PAUSE, SPOKEN, PAUSE]))
BEGINS = [len(PAUSE), 2 * len(PAUSE) + len(SPOKEN)]


def track(*, gate: bool = True, state: TrackState | None = None, start: int = 0) -> VoiceTrack:
    return VoiceTrack(VadOptions(), gate=gate, state=state, start=start)


def utterances(voice: VoiceTrack, pcm: NDArray[np.int16], chunk: int) -> list[tuple[int, int]]:
    """Feed everything; return the utterances, each checked to be there sample by sample."""
    found: list[tuple[int, int]] = []

    def take() -> None:
        while (current := voice.current) is not None and current.end is not None:
            audio = voice.audio(current.start, current.end)
            np.testing.assert_array_equal(
                as_pcm(audio), SESSION[current.start : current.end], strict=True
            )
            found.append((current.start, current.end))
            voice.close()

    for start in range(voice.end, len(pcm), chunk):
        voice.accept(pcm[start : start + chunk])
        take()
    voice.finish()
    take()
    return found


@pytest.mark.parametrize("chunk", [160, 1_600, 16_000, len(SESSION)])
def test_utterances_hold_all_of_the_speech_however_it_comes(chunk: int) -> None:
    found = utterances(track(), SESSION, chunk)
    reference = recording("en_25").words
    spoken = [
        (begin + int(word["start"] * 16_000), begin + int(word["end"] * 16_000))
        for begin in BEGINS
        for word in reference
    ]
    for first, last in spoken:
        assert any(start <= first and last <= end for start, end in found)
    assert sum(end - start for start, end in found) < 2 * len(SPOKEN)
    assert all(one[1] <= other[0] for one, other in zip(found, found[1:], strict=False))
    assert found == utterances(track(), SESSION, 512)


def test_silence_is_not_kept() -> None:
    voice = track()
    for _ in range(600):
        voice.accept(np.zeros(1_600, np.int16))
        assert voice.buffered <= 16_000
        assert voice.current is None
    assert voice.end == 960_000
    assert voice.speech_samples == 0
    voice.finish()
    assert voice.current is None


def test_changes_are_told_and_speech_is_counted() -> None:
    voice = track()
    changes = [
        change for n in range(0, len(SESSION), 800) for change in voice.accept(SESSION[n : n + 800])
    ]
    assert changes[0] is True
    assert changes[1:] == [not change for change in changes[:-1]]
    words_s = 2 * sum(word["end"] - word["start"] for word in recording("en_25").words)
    assert voice.speech_samples / 16_000 == pytest.approx(words_s, rel=0.25)


def test_speech_at_the_very_end_is_an_utterance() -> None:
    cut_short = SESSION[: BEGINS[0] + len(SPOKEN) // 2]
    [(start, end)] = utterances(track(), cut_short, 1_600)
    assert start <= BEGINS[0] + 16_000 and end == len(cut_short)


def test_without_the_gate_all_is_one_utterance() -> None:
    voice = track(gate=False)
    silence = np.zeros(48_000, np.int16)
    changes = [
        change for n in range(0, 48_000, 1_000) for change in voice.accept(silence[n : n + 1_000])
    ]
    assert changes == [True]
    assert voice.current is not None and voice.current.start == 0 and voice.current.end is None
    assert voice.has_speech(1.0, 2.0)


def test_a_short_sound_without_the_gate_is_not_lost() -> None:
    voice = track(gate=False)
    voice.accept(np.ones(300, np.int16))
    voice.finish()
    assert voice.current is not None and (voice.current.start, voice.current.end) == (0, 300)


def test_where_speech_was_is_known() -> None:
    voice = track()
    voice.accept(SESSION[: BEGINS[0] + 12_000])
    word = recording("en_25").words[0]
    assert voice.has_speech(2.0 + word["start"], 2.0 + word["end"])
    assert not voice.has_speech(1.7, 1.75)


@pytest.mark.parametrize("cut_at", [None, *range(3_000, len(SESSION), 23_000)])
def test_another_track_goes_on_as_this_one_would(cut_at: int | None) -> None:
    whole = utterances(track(), SESSION, 1_000)
    cut_at = cut_at or whole[1][0] + 2_000  # in the padding before speech
    first = track()
    before: list[tuple[int, int]] = []
    for start in range(0, cut_at, 1_000):
        first.accept(SESSION[start : min(start + 1_000, cut_at)])
        while (current := first.current) is not None and current.end is not None:
            before.append((current.start, current.end))
            first.close()
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(first.state()), type=TrackState)
    again = track(state=state, start=first.resume_point(0))
    assert again.catching_up == (again.end < cut_at)
    after = utterances(again, SESSION, 777)
    assert before + after == whole
