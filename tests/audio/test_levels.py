"""Levels in dBFS and the other figures of quality."""

from __future__ import annotations

import numpy as np
import pytest

from livetranslate.audio.levels import clipping_ratio, peak_dbfs, quality, rms_dbfs
from support.sound import noise, tone


def test_levels_of_known_signals() -> None:
    assert rms_dbfs(np.ones(1000, np.float32)) == pytest.approx(0.0)
    assert rms_dbfs(tone(1.0, level=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert peak_dbfs(tone(1.0, level=0.1)) == pytest.approx(-20.0, abs=0.01)
    assert rms_dbfs(np.zeros(100, np.float32)) == -120.0
    assert peak_dbfs(np.zeros(0, np.float32)) == -120.0
    assert rms_dbfs(np.zeros(0, np.float32)) == -120.0


def test_clipping_is_the_share_of_full_scale_samples() -> None:
    samples = np.array([1.0, -1.0, 0.5, 0.0], np.float32)
    assert clipping_ratio(samples) == 0.5
    assert clipping_ratio(np.zeros(0, np.float32)) == 0.0


def test_speech_with_pauses_has_a_higher_ratio_over_less_noise() -> None:
    speech = np.concatenate([tone(0.5), np.zeros(8000, np.float32)] * 2)
    clean = quality(speech + noise(2.0, level=0.001)).snr_db
    noisy = quality(speech + noise(2.0, level=0.05)).snr_db
    assert clean is not None and noisy is not None
    assert clean == pytest.approx(46.5, abs=2)
    assert noisy == pytest.approx(13, abs=3)


def test_nothing_to_measure() -> None:
    figures = quality(np.zeros(0, np.float32))
    assert (figures.snr_db, figures.dc_offset, figures.rms_dbfs) == (None, 0.0, -120.0)
    assert quality(np.full(16_000, 0.25, np.float32)).dc_offset == 0.25
    assert (figures.speech_ratio, figures.score) == (0.0, 0.0)


def test_the_share_of_speech_is_that_of_the_frames_that_stand_out() -> None:
    hiss = noise(4.0, level=0.001)
    half = np.concatenate([tone(1.0), np.zeros(16_000, np.float32)] * 2)
    assert quality(half + hiss).speech_ratio == pytest.approx(0.5, abs=0.02)
    assert quality(hiss).speech_ratio < 0.02


def test_a_score_falls_with_noise_with_clipping_and_with_silence() -> None:
    speech = np.concatenate([tone(0.5, level=0.3), np.zeros(8000, np.float32)] * 2)
    good = quality(speech + noise(2.0, level=0.001)).score
    noisy = quality(speech + noise(2.0, level=0.1)).score
    clipped = quality(np.clip(speech * 8 + noise(2.0, level=0.001), -1, 1)).score
    quiet = quality((speech + noise(2.0, level=0.001)) * 0.01).score
    assert good > 0.95
    assert max(noisy, clipped, quiet) < 0.6 * good
    assert quality(np.zeros(32_000, np.float32)).score == 0.0
