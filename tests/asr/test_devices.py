"""Where models may be loaded: detection on this machine, and the choice among given devices."""

from __future__ import annotations

import pytest

from livetranslate.asr.models.device import Device, DeviceKind, detect_devices, placements
from livetranslate.domain.errors import InvalidInput

CPU = Device(kind=DeviceKind.CPU, index=0, name="CPU", compute_types=("float32", "int8"))
GPU = Device(kind=DeviceKind.CUDA, index=0, name="GPU", compute_types=("float16", "float32"))
OLD_GPU = Device(kind=DeviceKind.CUDA, index=1, name="old", compute_types=("float32", "int8"))
ALL = (GPU, OLD_GPU, CPU)


def test_this_machine_has_a_processor_at_the_end() -> None:
    devices = detect_devices()
    assert devices[-1].kind is DeviceKind.CPU
    assert "float32" in devices[-1].compute_types
    assert placements("cpu")[0].compute_type in devices[-1].compute_types


@pytest.mark.parametrize(
    ("device", "compute_type", "expected"),
    [
        ("auto", "auto", [("cuda", 0, "float16"), ("cuda", 1, "int8"), ("cpu", 0, "int8")]),
        ("cpu", "auto", [("cpu", 0, "int8")]),
        ("cuda:1", "auto", [("cuda", 1, "int8")]),
        ("auto", "int8", [("cuda", 1, "int8"), ("cpu", 0, "int8")]),
        ("cuda", "float32", [("cuda", 0, "float32"), ("cuda", 1, "float32")]),
    ],
)
def test_choice(device: str, compute_type: str, expected: list[tuple[str, int, str]]) -> None:
    found = placements(device, compute_type, devices=ALL)
    assert [(each.device.value, each.index, each.compute_type) for each in found] == expected


@pytest.mark.parametrize(
    ("device", "compute_type", "field", "words"),
    [
        ("cuda", "auto", "device", "only: cpu"),
        ("tpu", "auto", "device", "tpu"),
        ("cpu:7", "auto", "device", "cpu:7"),
        ("cpu", "float16", "compute_type", "float32, int8"),
    ],
)
def test_impossible_wishes_say_what_there_is(
    device: str, compute_type: str, field: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as raised:
        placements(device, compute_type, devices=(CPU,))
    assert raised.value.field == field
