"""Parameters of the audio chain: ranges, contradictions, presets."""

from __future__ import annotations

import msgspec
import pytest

from livetranslate.audio.enhancement.parameters import (
    STAGES,
    AudioParameters,
    Chunking,
    HighPassStage,
    LimiterStage,
    VoiceEnhancementStage,
    problems,
    ranges,
)
from livetranslate.audio.enhancement.presets import PRESETS, NamedPresets
from livetranslate.domain.errors import InvalidInput


def test_every_preset_can_be_applied():
    assert {*PRESETS} == {"default", "meeting", "telephony", "noisy", "music_off", "broadcast"}
    assert {name: problems(preset) for name, preset in PRESETS.items()} == dict.fromkeys(
        PRESETS, []
    )


def test_the_default_changes_nothing():
    assert not PRESETS["default"].enhances
    assert all(preset.enhances for name, preset in PRESETS.items() if name != "default")


def test_all_reasons_come_at_once():
    wrong = AudioParameters(
        high_pass=HighPassStage(low_cut_hz=900.0, high_cut_hz=800.0, order=0),
        voice_enhancement=VoiceEnhancementStage(presence_hz=100.0),
        limiter=LimiterStage(ceiling_dbfs=3.0),
        chunking=Chunking(chunk_duration=1.0, overlap_duration=2.0),
    )
    found = dict(problems(wrong))
    assert set(found) == {
        "high_pass.high_cut_hz",
        "high_pass.low_cut_hz",
        "high_pass.order",
        "voice_enhancement.low_hz",
        "limiter.ceiling_dbfs",
        "chunking.overlap_duration",
    }
    assert found["limiter.ceiling_dbfs"] == "3 is outside -24 to 0 dBFS"
    assert "chunk_duration (1 s)" in found["chunking.overlap_duration"]


def test_a_number_that_is_none_is_outside():
    wrong = AudioParameters(chunking=Chunking(chunk_duration=float("nan")))
    assert "chunking.chunk_duration" in dict(problems(wrong))


def test_each_number_has_a_range():
    parameters = AudioParameters()
    for section in (*STAGES, "chunking"):
        group = getattr(parameters, section)
        numbers = {name for name in group.__struct_fields__ if name != "enabled"}
        assert set(ranges(type(group))) == numbers


def test_parameters_come_back_from_json():
    for preset in PRESETS.values():
        assert msgspec.json.decode(msgspec.json.encode(preset), type=AudioParameters) == preset


def test_an_unknown_preset_is_refused_with_the_known_ones():
    presets = NamedPresets()
    assert presets.parameters(None) == presets.parameters("default")
    with pytest.raises(InvalidInput, match="'loud'.*broadcast, default, meeting") as refused:
        presets.parameters("loud")
    assert refused.value.field == "config.preset"
