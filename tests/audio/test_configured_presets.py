"""The section ``audio`` of the configuration: what it means, and all that can be wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from livetranslate.audio.enhancement.configured import ConfiguredPresets, configured_presets
from livetranslate.audio.enhancement.presets import PRESETS
from livetranslate.domain.errors import InvalidInput


def read(section: Any) -> ConfiguredPresets:
    presets, found = configured_presets(section)
    assert not found, found
    return presets


def wrong(section: Any) -> dict[str, str]:
    return dict(configured_presets(section)[1])


@pytest.mark.parametrize("empty", [None, {}, {"preset": None, "parameters": None, "presets": {}}])
def test_an_empty_section_is_the_default(empty: Any) -> None:
    presets = read(empty)
    assert presets.active == "default"
    assert presets.parameters(None) == PRESETS["default"]
    assert presets.presets == PRESETS


def test_the_active_preset_is_that_of_sessions_that_name_none() -> None:
    presets = read({"preset": "noisy", "parameters": {"limiter": {"ceiling_dbfs": -6}}})
    assert presets.parameters(None).noise_reduction.enabled
    assert presets.parameters(None).limiter.ceiling_dbfs == -6
    assert presets.parameters("noisy") == PRESETS["noisy"]
    with pytest.raises(InvalidInput, match="'loud'"):
        presets.parameters("loud")


def test_presets_of_ones_own_are_based_on_others_in_any_order() -> None:
    presets = read(
        {
            "preset": "hall",
            "presets": {
                "hall": {"base": "lecture", "high_pass": {"low_cut_hz": 140}},
                "lecture": {"base": "broadcast", "limiter": {"ceiling_dbfs": -3}},
                "meeting": {"limiter": {"ceiling_dbfs": -2}},
            },
        }
    )
    hall = presets.parameters(None)
    assert hall.high_pass.enabled
    assert (hall.limiter.ceiling_dbfs, hall.high_pass.low_cut_hz) == (-3, 140)
    assert presets.parameters("meeting").compression.enabled
    assert presets.parameters("meeting").limiter.ceiling_dbfs == -2


def test_every_reason_comes_at_once() -> None:
    found = wrong(
        {
            "presett": "x",
            "preset": "loud",
            "parameters": {
                "high_pass": {"enabled": "yes", "low_cut": 3, "order": 99},
                "echo": {},
                "chunking": {"overlap_duration": 20},
                "limiter": 3,
            },
            "presets": {
                "Mine!": {},
                "a": {"base": "b"},
                "b": {"base": "a"},
                "c": {"base": "nowhere", "vad": {"hold_s": 99}},
            },
        }
    )
    assert set(found) == {
        "presett",
        "preset",
        "parameters.high_pass.enabled",
        "parameters.high_pass.low_cut",
        "parameters.high_pass.order",
        "parameters.echo",
        "parameters.chunking.overlap_duration",
        "parameters.limiter",
        "presets.Mine!",
        "presets.a.base",
        "presets.b.base",
        "presets.c.base",
        "presets.c.vad.hold_s",
    }
    assert "noise_reduction" in found["parameters.echo"]
    assert "broadcast" in found["preset"]
    assert found["parameters.high_pass.order"] == "99 is outside 1 to 8"


def test_a_value_may_be_taken_off_a_preset_that_has_one() -> None:
    own = {"hall": {"high_pass": {"high_cut_hz": 4000}}}
    section: dict[str, Any] = {"preset": "hall", "presets": own}
    assert configured_presets(section)[0].in_force.high_pass.high_cut_hz == 4000
    section["parameters"] = {"high_pass": {"high_cut_hz": "none"}}
    assert configured_presets(section)[0].in_force.high_pass.high_cut_hz is None
    section["parameters"] = {"high_pass": {"low_cut_hz": "none"}}
    assert set(wrong(section)) == {"parameters.high_pass.low_cut_hz"}


@pytest.mark.parametrize("section", [3, "meeting", ["a"], {"presets": [1]}, {"parameters": "x"}])
def test_what_is_no_mapping_is_told(section: Any) -> None:
    assert list(wrong(section).values()) == ["must hold names and values"]
