"""What models can run on here, and with which numeric types."""

from __future__ import annotations

import os
import shutil
import subprocess
from enum import Enum

import ctranslate2
import msgspec

from livetranslate.domain.errors import InvalidInput

PREFERRED_TYPES = {
    "cpu": ("int8", "int8_float32", "int16", "float32"),
    "cuda": ("float16", "bfloat16", "int8_float16", "int8", "float32"),
}
"""Numeric types by kind of device, best first, of which the first supported one is the default."""


class DeviceKind(str, Enum):
    """Kinds of devices, by the names that CTranslate2 gives them."""

    CPU = "cpu"
    CUDA = "cuda"


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device of this machine.

    Attributes:
        kind: Processor or GPU.
        index: Number among its kind, from 0.
        name: For people.
        compute_types: Numeric types that CTranslate2 supports on it, sorted.
    """

    kind: DeviceKind
    index: int
    name: str
    compute_types: tuple[str, ...]

    @property
    def default_compute_type(self) -> str:
        """The fastest type that keeps the accuracy: int8 on a processor, float16 on a GPU."""
        preferred = PREFERRED_TYPES[self.kind.value]
        return next((name for name in preferred if name in self.compute_types), "default")


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to load a model, as ``WhisperModel`` takes it."""

    device: DeviceKind
    index: int
    compute_type: str


def detect_devices() -> tuple[Device, ...]:
    """Return the devices that CTranslate2 can use here, the best first, the processor last."""
    names = _cuda_names()
    count = ctranslate2.get_cuda_device_count()
    cuda = [
        Device(
            kind=DeviceKind.CUDA,
            index=index,
            name=names[index] if index < len(names) else f"CUDA device {index}",
            compute_types=_supported(DeviceKind.CUDA, index),
        )
        for index in range(count)
    ]
    cpu = Device(
        kind=DeviceKind.CPU,
        index=0,
        name=f"CPU, {os.cpu_count() or 1} cores",
        compute_types=_supported(DeviceKind.CPU, 0),
    )
    return (*cuda, cpu)


def placements(
    device: str = "auto", compute_type: str = "auto", *, devices: tuple[Device, ...] | None = None
) -> tuple[Placement, ...]:
    """Return where a model may be loaded, best first; a caller tries them in turn.

    Args:
        device: ``auto``, ``cpu`` or ``cuda`` (``WHISPER_DEVICE``); ``cuda:1`` names one of several.
        compute_type: ``auto`` or a type of CTranslate2 (``WHISPER_COMPUTE_TYPE``).
        devices: What there is; None to detect it.

    Raises:
        InvalidInput: There is no such device, or it does not support the type; says what there is.
    """
    found = detect_devices() if devices is None else devices
    kind, _, index = device.partition(":")
    fitting = [
        each
        for each in found
        if kind in ("auto", each.kind.value) and (not index or index == str(each.index))
    ]
    if not fitting:
        there = ", ".join(sorted({each.kind.value for each in found}))
        raise InvalidInput(
            f"WHISPER_DEVICE is {device!r}, but this machine has only: {there}", field="device"
        )
    chosen = [each for each in fitting if compute_type in ("auto", *each.compute_types)]
    if not chosen:
        there = ", ".join(sorted({name for each in fitting for name in each.compute_types}))
        raise InvalidInput(
            f"WHISPER_COMPUTE_TYPE is {compute_type!r}, but the device supports: {there}",
            field="compute_type",
        )
    return tuple(
        Placement(
            device=each.kind,
            index=each.index,
            compute_type=each.default_compute_type if compute_type == "auto" else compute_type,
        )
        for each in chosen
    )


def _supported(kind: DeviceKind, index: int) -> tuple[str, ...]:
    return tuple(sorted(ctranslate2.get_supported_compute_types(kind.value, index)))


def _cuda_names() -> list[str]:
    """Ask the driver's tool for the GPUs' names; none where it is not there."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command without outside input
            [tool, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []
