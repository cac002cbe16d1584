"""Parameters of the audio chain: each stage, the cutting into chunks, and what is in range.

A field's type carries its range and unit, so that the check, the settings page and the
documentation read them from one place. Fields depend on each other; ``problems`` tells everything
that is wrong at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

import msgspec

from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import Problem


class Range(NamedTuple):
    """What a number may be: both ends included, in a unit (empty: a plain number).

    ``optional`` tells that it may also be None.
    """

    low: float
    high: float
    unit: str = ""
    optional: bool = False


Hertz = Annotated[float, Range(20.0, SAMPLE_RATE / 2, "Hz")]
Gain = Annotated[float, Range(-18.0, 18.0, "dB")]


class VadStage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Turns down what lies between speech; judged by the level over the noise floor.

    Attributes:
        enabled: Whether the stage is at work.
        threshold_db: Level over the noise floor from which a block is speech.
        hold_s: Time after speech in which nothing is turned down.
        attenuation_db: By how much the rest is turned down.
    """

    enabled: bool = False
    threshold_db: Annotated[float, Range(1.0, 30.0, "dB")] = 9.0
    hold_s: Annotated[float, Range(0.0, 3.0, "s")] = 0.4
    attenuation_db: Annotated[float, Range(0.0, 60.0, "dB")] = 12.0


class HighPassStage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cuts off what lies below and above the voice: a Butterworth filter.

    Attributes:
        enabled: Whether the stage is at work.
        low_cut_hz: Frequencies below fall off.
        high_cut_hz: Frequencies above fall off; None lets all pass.
        order: Steepness; 6 dB an octave each.
    """

    enabled: bool = False
    low_cut_hz: Annotated[float, Range(20.0, 1000.0, "Hz")] = 80.0
    high_cut_hz: Annotated[float, Range(1000.0, 7900.0, "Hz")] | None = None
    order: Annotated[int, Range(1, 8)] = 2


class NoiseReductionStage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Turns down, frequency by frequency, what is steady noise.

    Attributes:
        enabled: Whether the stage is at work.
        reduction_db: By how much noise is turned down at most.
        smoothing: Weight of the past in the estimate of speech; high is soft, low is quick.
        noise_smoothing: Weight of the past in the estimate of noise.
        overestimate: Factor on the estimated noise power.
    """

    enabled: bool = False
    reduction_db: Annotated[float, Range(0.0, 40.0, "dB")] = 12.0
    smoothing: Annotated[float, Range(0.5, 0.999)] = 0.98
    noise_smoothing: Annotated[float, Range(0.5, 0.999)] = 0.8
    overestimate: Annotated[float, Range(0.5, 4.0)] = 1.0


class VoiceEnhancementStage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An equaliser for the voice: a low shelf, a bell at its presence and a high shelf.

    Attributes:
        enabled: Whether the stage is at work.
        low_hz: Corner of the low shelf.
        low_gain_db: Gain below it.
        presence_hz: Middle of the bell.
        presence_gain_db: Gain there.
        presence_q: Middle frequency over width.
        high_hz: Corner of the high shelf.
        high_gain_db: Gain above it.
    """

    enabled: bool = False
    low_hz: Hertz = 200.0
    low_gain_db: Gain = -2.0
    presence_hz: Hertz = 2500.0
    presence_gain_db: Gain = 3.0
    presence_q: Annotated[float, Range(0.1, 10.0)] = 0.8
    high_hz: Hertz = 5000.0
    high_gain_db: Gain = 0.0


class CompressionStage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Brings quiet and loud voices nearer to each other.

    Attributes:
        enabled: Whether the stage is at work.
        threshold_dbfs: Level above which the gain falls.
        ratio: Rise of the input for a rise of 1 dB of the output above the threshold.
        knee_db: Width of the bend around the threshold.
        attack_ms: Time constant of a falling gain.
        release_ms: Time constant of a rising gain.
        makeup_db: Gain over all.
    """

    enabled: bool = False
    threshold_dbfs: Annotated[float, Range(-60.0, 0.0, "dBFS")] = -24.0
    ratio: Annotated[float, Range(1.0, 20.0)] = 3.0
    knee_db: Annotated[float, Range(0.0, 24.0, "dB")] = 6.0
    attack_ms: Annotated[float, Range(0.1, 200.0, "ms")] = 10.0
    release_ms: Annotated[float, Range(5.0, 2000.0, "ms")] = 150.0
    makeup_db: Annotated[float, Range(0.0, 24.0, "dB")] = 0.0


class LimiterStage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keeps every sample under a ceiling, by a gain that falls in time and never cuts.

    Attributes:
        enabled: Whether the stage is at work.
        ceiling_dbfs: Highest level of a sample.
        release_ms: Time constant of the rising gain.
    """

    enabled: bool = False
    ceiling_dbfs: Annotated[float, Range(-24.0, 0.0, "dBFS")] = -1.0
    release_ms: Annotated[float, Range(5.0, 2000.0, "ms")] = 80.0


class Chunking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a stream is cut into overlapping chunks.

    Attributes:
        chunk_duration: Seconds of a chunk, its overlap included, where no pause is near.
        overlap_duration: Seconds that a chunk shares with the one before.
        pause_search: Seconds before its full length in which a chunk rather ends at a pause.
        pause_duration: Seconds of quiet that make a pause.
        pause_depth_db: How far a pause lies under the chunk's level.
    """

    chunk_duration: Annotated[float, Range(0.2, 60.0, "s")] = 5.0
    overlap_duration: Annotated[float, Range(0.0, 30.0, "s")] = 0.5
    pause_search: Annotated[float, Range(0.0, 30.0, "s")] = 1.0
    pause_duration: Annotated[float, Range(0.02, 2.0, "s")] = 0.12
    pause_depth_db: Annotated[float, Range(3.0, 60.0, "dB")] = 15.0


class AudioParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done to a session's audio before it is recognised; stages in their order.

    With no stage enabled the audio stays as it is, bit for bit and without delay.
    """

    vad: VadStage = VadStage()
    high_pass: HighPassStage = HighPassStage()
    noise_reduction: NoiseReductionStage = NoiseReductionStage()
    voice_enhancement: VoiceEnhancementStage = VoiceEnhancementStage()
    compression: CompressionStage = CompressionStage()
    limiter: LimiterStage = LimiterStage()
    chunking: Chunking = Chunking()

    @property
    def enhances(self) -> bool:
        """Whether any stage is at work."""
        return any(getattr(self, stage).enabled for stage in STAGES)


STAGES = (*("vad", "high_pass", "noise_reduction", "voice_enhancement", "compression", "limiter"),)
"""Names of the stages, in the order in which audio passes them."""


def problems(parameters: AudioParameters) -> list[Problem]:
    """Return everything that is wrong with a set of parameters; nothing if it can be applied."""
    found: list[Problem] = []
    for section in parameters.__struct_fields__:
        group: msgspec.Struct = getattr(parameters, section)
        for name, bounds in ranges(type(group)).items():
            value = getattr(group, name)
            if value is not None and not bounds.low <= value <= bounds.high:
                unit = f" {bounds.unit}" if bounds.unit else ""
                reason = f"{value:g} is outside {bounds.low:g} to {bounds.high:g}{unit}"
                found.append(Problem(f"{section}.{name}", reason))
    return found + list(_contradictions(parameters))


@lru_cache
def ranges(section: type[msgspec.Struct]) -> dict[str, Range]:
    """Return the range of each number of a section, by the field's name."""
    found: dict[str, Range] = {}
    for name, hint in get_type_hints(section, include_extras=True).items():
        bounds = _range(hint)
        if bounds is not None:
            found[name] = bounds._replace(optional=type(None) in get_args(hint))
    return found


def _range(hint: Any) -> Range | None:
    """Return the range in a field's type, that of its other half if it may be None."""
    for part in (*getattr(hint, "__metadata__", ()), *get_args(hint)):
        if isinstance(part, Range):
            return part
        inner = _range(part) if get_args(part) else None
        if inner is not None:
            return inner
    return None


def _contradictions(parameters: AudioParameters) -> Iterator[Problem]:
    """Yield what is wrong between fields."""
    chunking, cut = parameters.chunking, parameters.high_pass
    if chunking.overlap_duration >= chunking.chunk_duration:
        yield Problem(
            "chunking.overlap_duration",
            f"{chunking.overlap_duration:g} s must be shorter than chunk_duration "
            f"({chunking.chunk_duration:g} s)",
        )
    room = chunking.chunk_duration - chunking.overlap_duration
    if room > 0 and chunking.pause_search >= room:
        yield Problem(
            "chunking.pause_search",
            f"{chunking.pause_search:g} s must be shorter than chunk_duration less "
            f"overlap_duration ({room:g} s)",
        )
    if cut.high_cut_hz is not None and cut.low_cut_hz >= cut.high_cut_hz:
        yield Problem(
            "high_pass.low_cut_hz",
            f"{cut.low_cut_hz:g} Hz must be lower than high_cut_hz ({cut.high_cut_hz:g} Hz)",
        )
    yield from _voice_contradictions(parameters.voice_enhancement)


def _voice_contradictions(voice: VoiceEnhancementStage) -> Iterator[Problem]:
    for lower, upper in (("low_hz", "presence_hz"), ("presence_hz", "high_hz")):
        if getattr(voice, lower) >= getattr(voice, upper):
            yield Problem(
                f"voice_enhancement.{lower}",
                f"{getattr(voice, lower):g} Hz must be lower than {upper} "
                f"({getattr(voice, upper):g} Hz)",
            )
