"""The enhancement chain: what each stage does, and that cuts and hand-overs change nothing."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetranslate.audio.enhancement.enhancer import Enhancer, EnhancerState, Pcm
from livetranslate.audio.enhancement.filters import LinearFilter, equaliser, high_pass, response
from livetranslate.audio.enhancement.parameters import (
    AudioParameters,
    CompressionStage,
    HighPassStage,
    LimiterStage,
    NoiseReductionStage,
    VadStage,
    VoiceEnhancementStage,
)
from livetranslate.audio.levels import rms_dbfs

RATE = 16_000
EVERYTHING = AudioParameters(
    vad=VadStage(enabled=True),
    high_pass=HighPassStage(enabled=True, order=3, high_cut_hz=6000.0),
    noise_reduction=NoiseReductionStage(enabled=True),
    voice_enhancement=VoiceEnhancementStage(enabled=True, high_gain_db=2.0),
    compression=CompressionStage(enabled=True),
    limiter=LimiterStage(enabled=True, ceiling_dbfs=-6.0),
)
ONE_STAGE = {
    "vad": AudioParameters(vad=VadStage(enabled=True)),
    "high_pass": AudioParameters(high_pass=HighPassStage(enabled=True)),
    "noise_reduction": AudioParameters(noise_reduction=NoiseReductionStage(enabled=True)),
    "voice": AudioParameters(voice_enhancement=VoiceEnhancementStage(enabled=True)),
    "compression": AudioParameters(compression=CompressionStage(enabled=True)),
    "limiter": AudioParameters(limiter=LimiterStage(enabled=True)),
}


def tone(hz: float, level_dbfs: float, seconds: float = 1.0) -> Pcm:
    times = np.arange(int(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * hz * times) * 10 ** (level_dbfs / 20) * np.sqrt(2)
    return np.rint(wave * 32767).astype(np.int16)


def noise(level_dbfs: float, seconds: float = 1.0, seed: int = 1) -> Pcm:
    wave = np.random.default_rng(seed).normal(0, 10 ** (level_dbfs / 20), int(seconds * RATE))
    return np.clip(np.rint(wave * 32767), -32768, 32767).astype(np.int16)


def bursts(seconds: float = 4.0) -> Pcm:
    """Half a second of tones in noise, half a second of noise, again and again."""
    times = np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * hz * times) for hz in (220, 450, 1300, 2400)) * 0.08
    return (noise(-45, seconds) + np.rint(tones * (times % 1 < 0.5) * 32767)).astype(np.int16)


def enhanced(parameters: AudioParameters, pcm: Pcm) -> Pcm:
    enhancer = Enhancer()
    enhancer.configure(parameters)
    return np.concatenate((enhancer.accept(pcm), enhancer.finish()))


def level(pcm: Pcm) -> float:
    return rms_dbfs(pcm.astype(np.float32) / 32768)


@dataclass(frozen=True)
class Change:
    """Parameters from a sample on."""

    at: int
    parameters: AudioParameters


CHANGES = (
    Change(0, AudioParameters()),
    Change(7_000, EVERYTHING),
    Change(20_011, ONE_STAGE["noise_reduction"]),
    Change(20_500, ONE_STAGE["high_pass"]),
    Change(40_000, AudioParameters()),
    Change(41_000, ONE_STAGE["compression"]),
    Change(41_100, AudioParameters()),
)


def run(pcm: Pcm, cuts: list[int], *, handed_over: bool) -> Pcm:
    """Enhance with CHANGES on the way, cut at these samples, on a new enhancer after each."""
    enhancer = Enhancer()
    output: list[Pcm] = []
    points = sorted({*cuts, *(change.at for change in CHANGES), len(pcm)})
    begin = 0
    for end in points:
        output.append(enhancer.accept(pcm[begin:end]))
        assert enhancer.given == sum(map(len, output))
        begin = end
        for change in CHANGES:
            if change.at == end:
                enhancer.configure(change.parameters)
        if handed_over:
            state = msgspec.msgpack.encode(enhancer.state())
            enhancer = Enhancer(msgspec.msgpack.decode(state, type=EnhancerState))
    return np.concatenate((*output, enhancer.finish()))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 63_999), max_size=8), st.booleans())
def test_cuts_and_hand_overs_change_nothing(cuts: list[int], handed_over: bool):
    pcm = bursts()
    whole = run(pcm, [], handed_over=False)
    assert len(whole) == len(pcm)
    assert np.array_equal(run(pcm, cuts, handed_over=handed_over), whole)


def test_without_a_stage_audio_passes_as_it_is_and_at_once():
    enhancer, pcm = Enhancer(), noise(-20)
    assert enhancer.accept(pcm) is pcm
    assert not len(enhancer.finish())


def test_audio_is_as_it_was_before_and_after_the_stages_are_at_work():
    pcm = bursts()
    output = run(pcm, [], handed_over=False)
    assert np.array_equal(output[:7_000], pcm[:7_000])
    assert np.array_equal(output[46_000:], pcm[46_000:])
    assert not np.array_equal(output[9_000:20_000], pcm[9_000:20_000])


@pytest.mark.parametrize("name", ONE_STAGE)
def test_a_click_stays_where_it_was(name: str):
    pcm = np.zeros(RATE, np.int16)
    pcm[10_000] = 8_000
    assert abs(int(np.abs(enhanced(ONE_STAGE[name], pcm)).argmax()) - 10_000) <= 1


def test_a_change_does_not_click():
    pcm = tone(1000, -12, 2.0)
    enhancer = Enhancer()
    before = enhancer.accept(pcm[: RATE + 77])
    enhancer.configure(AudioParameters(voice_enhancement=VoiceEnhancementStage(enabled=True)))
    output = np.concatenate((before, enhancer.accept(pcm[RATE + 77 :]), enhancer.finish()))
    steps = np.abs(np.diff(output.astype(np.int32)))
    assert steps.max() <= np.abs(np.diff(pcm.astype(np.int32))).max() * 1.3
    assert level(output[-4000:]) > level(pcm) + 0.5


@pytest.mark.parametrize("order", [1, 2, 3, 4, 8])
def test_a_butterworth_filter_loses_three_decibels_at_its_corners(order: int):
    stage = HighPassStage(enabled=True, low_cut_hz=200.0, high_cut_hz=3000.0, order=order)
    gains = {hz: 20 * np.log10(abs(response(high_pass(stage), hz))) for hz in (100, 200, 800, 3000)}
    assert gains[200] == pytest.approx(-3.0, abs=0.4)
    assert gains[3000] == pytest.approx(-3.0, abs=0.4)
    assert gains[800] == pytest.approx(0.0, abs=0.5)
    assert gains[100] == pytest.approx(-10 * np.log10(1 + 4**order), abs=0.1)


def test_the_equaliser_lifts_what_it_says():
    stage = VoiceEnhancementStage(low_gain_db=-6.0, presence_gain_db=4.0, high_gain_db=2.0)
    gains = {hz: 20 * np.log10(abs(response(equaliser(stage), hz))) for hz in (40, 2500, 7900)}
    assert gains[40] == pytest.approx(-6.0, abs=0.3)
    assert gains[2500] == pytest.approx(4.0, abs=0.6)
    assert gains[7900] == pytest.approx(2.0, abs=0.3)


def test_a_filter_in_blocks_is_the_recursion_sample_by_sample():
    sections = high_pass(HighPassStage(low_cut_hz=150.0, high_cut_hz=3000.0, order=5))
    audio = np.random.default_rng(3).normal(0, 0.1, 4096).astype(np.float32)
    expected = audio.astype(np.float64)
    for s in sections:
        past = np.zeros(4)
        for at, x in enumerate(expected):
            y = s.b0 * x + s.b1 * past[0] + s.b2 * past[1] - s.a1 * past[2] - s.a2 * past[3]
            past = np.array([x, past[0], y, past[2]])
            expected[at] = y
    filtered = LinearFilter(sections).process(audio)
    assert np.allclose(filtered, expected, atol=1e-6)


def test_the_high_pass_removes_hum_and_leaves_the_voice():
    stage = AudioParameters(high_pass=HighPassStage(enabled=True, low_cut_hz=120.0, order=4))
    assert level(enhanced(stage, tone(50, -20))[4000:]) < -45
    assert level(enhanced(stage, tone(400, -20))[4000:]) == pytest.approx(-20, abs=0.2)


def test_noise_reduction_lowers_noise_between_words_more_than_words():
    pcm = bursts()
    output = enhanced(ONE_STAGE["noise_reduction"], pcm)
    words, pauses = slice(48_800, 55_000), slice(57_000, 63_000)
    assert level(pcm[pauses]) - level(output[pauses]) > 8
    assert abs(level(pcm[words]) - level(output[words])) < 1


def test_the_noise_estimate_follows_noise_that_rises():
    pcm = np.concatenate((noise(-60, 2.0), noise(-40, 4.0)))
    output = enhanced(ONE_STAGE["noise_reduction"], pcm)
    assert level(pcm[-RATE:]) - level(output[-RATE:]) > 8


def test_the_gate_turns_down_what_lies_between_words_and_opens_in_time():
    pcm = bursts()
    stage = VadStage(enabled=True, hold_s=0.1, attenuation_db=20.0)
    output = enhanced(AudioParameters(vad=stage), pcm)
    pause, word = slice(RATE * 2 + 12_000, RATE * 3 - 512), slice(RATE * 3, RATE * 3 + 8000)
    assert level(pcm[pause]) - level(output[pause]) == pytest.approx(20, abs=0.5)
    assert np.array_equal(output[word], pcm[word])


def test_the_compressor_follows_its_curve():
    stage = CompressionStage(enabled=True, threshold_dbfs=-30.0, ratio=4.0, knee_db=0.0)
    for given_db, wanted_db in ((-40, -40), (-30, -30), (-10, -25)):
        output = enhanced(AudioParameters(compression=stage), tone(1000, given_db, 2.0))
        assert level(output[RATE:]) == pytest.approx(wanted_db, abs=0.4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(-24.0, 0.0), st.floats(5.0, 500.0))
def test_the_limiter_lets_no_sample_over_its_ceiling(seed: int, ceiling: float, release: float):
    rng = np.random.default_rng(seed)
    pcm = noise(-30, 0.5, seed)
    for _ in range(4):
        at = int(rng.integers(0, len(pcm) - 400))
        pcm[at : at + int(rng.integers(1, 400))] = rng.choice([-32768, 32767])
    stage = LimiterStage(enabled=True, ceiling_dbfs=ceiling, release_ms=release)
    output = enhanced(AudioParameters(limiter=stage), pcm)
    assert np.abs(output.astype(np.int32)).max() <= np.ceil(32768 * 10 ** (ceiling / 20))


def test_the_limiter_leaves_what_is_under_its_ceiling():
    pcm = tone(500, -12)
    assert np.array_equal(enhanced(ONE_STAGE["limiter"], pcm), pcm)
