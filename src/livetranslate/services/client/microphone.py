"""The microphone, by PortAudio (the optional extra ``mic``)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from livetranslate.audio.stream import StreamDecoder
from livetranslate.domain.audio import SAMPLE_RATE, Encoding
from livetranslate.domain.errors import NotFound
from livetranslate.services.client.sources import CHUNK_S, rechunk


def microphone_chunks(device: str | None = None) -> Iterator[bytes]:
    """Yield chunks from the microphone for ever; blocks.

    Args:
        device: Name or number of an input device; None for the system's default.

    Raises:
        NotFound: There is no microphone, or the means to read one; the message names the remedy.
    """
    portaudio = _portaudio()
    number = int(device) if device is not None and device.isdecimal() else device
    try:
        rate = _rate(portaudio, number)
        stream = portaudio.RawInputStream(samplerate=rate, channels=1, dtype="int16", device=number)
    except (portaudio.PortAudioError, ValueError) as error:
        raise NotFound(
            f"no microphone can be opened ({error}); `python -m sounddevice` lists the devices "
            "that --device takes",
            field="device",
        ) from error
    return rechunk(_read(stream, rate))


def _read(stream: Any, rate: int) -> Iterator[bytes]:
    decoder = StreamDecoder(Encoding.PCM_S16LE, rate)
    with stream:
        while True:
            data, _overflowed = stream.read(round(rate * CHUNK_S))
            yield decoder.decode(bytes(data))


def _rate(portaudio: Any, device: int | str | None) -> int:
    """Return our rate if the device offers it, else its own."""
    try:
        portaudio.check_input_settings(
            device=device, channels=1, dtype="int16", samplerate=SAMPLE_RATE
        )
    except portaudio.PortAudioError:
        return int(portaudio.query_devices(device, "input")["default_samplerate"])
    return SAMPLE_RATE


def _portaudio() -> Any:
    try:
        return import_module("sounddevice")
    except ImportError as error:
        raise NotFound(
            "the microphone needs the extra 'mic': pip install 'livetranslate[mic]'",
            field="device",
        ) from error
    except OSError as error:
        raise NotFound(
            "the microphone needs PortAudio: apt install libportaudio2", field="device"
        ) from error
