"""Word error rates in noise, with and without each stage and preset of the audio chain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import msgspec
import numpy as np

from bench.corpus import Recording, recordings
from bench.machine import describe
from bench.noises import SNRS_DB, mixed, noise, telephone
from bench.options import BenchOptions
from bench.recognise import CHUNK, leased, stream
from bench.report import Report, Row, row
from bench.scoring import errors
from livetranslate.asr.manager import ModelLease
from livetranslate.audio.enhancement.enhancer import Enhancer, Pcm
from livetranslate.audio.enhancement.parameters import STAGES, AudioParameters
from livetranslate.audio.enhancement.presets import DEFAULT_PRESET, PRESETS
from livetranslate.audio.resample import Samples

SECONDS = 40.0
CLEAN = "clean"


class Condition(msgspec.Struct, frozen=True):
    """Recordings in one kind of noise, as 16-bit samples."""

    kind: str
    parts: list[tuple[Recording, Pcm]]


def run(options: BenchOptions) -> Report:
    """Measure; decoding is deterministic, so once is enough."""
    machine = describe()
    parts = _some(recordings(options.speech, language="en"), options.seconds or SECONDS)
    conditions = noisy(parts)
    rates = asyncio.run(rates_of(options, chains(), conditions))
    without = rates[DEFAULT_PRESET]
    rows: list[Row] = []
    for name, by_kind in rates.items():
        for kind, wer in by_kind.items():
            rows.append(row(f"{name}: {kind}", "% WER", [wer], [without[kind]]))
    rows += [
        row(f"{name}: cost", "ms CPU a second of audio", [cost_ms(parameters, parts)])
        for name, parameters in chains().items()
    ]
    seconds = sum(part.seconds for part in parts)
    levels = ", ".join(f"{kind} {level:g} dB" for kind, level in SNRS_DB.items())
    return Report(
        name="enhancement",
        target="a preset has no stage that makes recognition worse where it is meant for",
        baseline="the same audio without any stage",
        rows=rows,
        notes=[
            f"{len(parts)} recordings, {seconds:.0f} s; speech over noise: {levels}. "
            "Micro-averaged, Whisper's normaliser.",
            "Live: the steps of a session that is never behind. A stage alone has its defaults.",
            "babble: four other recordings at once; hum: 50 Hz and odd harmonics; telephone: "
            "8 kHz, mu-law.",
        ],
        machine=machine,
    )


def chains() -> dict[str, AudioParameters]:
    """Return each preset, and each stage alone, by name."""
    alone = {
        f"only {stage}": msgspec.structs.replace(
            AudioParameters(),
            **{stage: msgspec.structs.replace(getattr(AudioParameters(), stage), enabled=True)},
        )
        for stage in STAGES
    }
    return {**PRESETS, **alone}


def noisy(parts: list[Recording]) -> list[Condition]:
    """Return the recordings as they are, over a telephone, and in each noise."""
    return [
        Condition(CLEAN, [(part, part.pcm) for part in parts]),
        Condition("telephone", [(part, _pcm(telephone(part.audio))) for part in parts]),
        *(
            Condition(kind, [(part, _in_noise(part, parts, kind, level)) for part in parts])
            for kind, level in SNRS_DB.items()
        ),
    ]


async def rates_of(
    options: BenchOptions,
    parameters: Mapping[str, AudioParameters],
    conditions: list[Condition],
) -> dict[str, dict[str, float]]:
    """Return the word error rate in per cent, by chain and kind of noise."""
    async with leased(options) as lease:
        return {name: await _rates(lease, chain, conditions) for name, chain in parameters.items()}


async def _rates(
    lease: ModelLease, parameters: AudioParameters, conditions: list[Condition]
) -> dict[str, float]:
    rates: dict[str, float] = {}
    for condition in conditions:
        pairs: list[tuple[str, str, str]] = []
        for part, pcm in condition.parts:
            text = (await stream(lease, enhanced(parameters, pcm), part.entry.language)).text
            pairs.append((part.entry.language, part.entry.text, text))
        rates[condition.kind] = 100 * errors(pairs).wer
    return rates


def enhanced(parameters: AudioParameters, pcm: Pcm) -> Pcm:
    """Return what the recogniser of a live session is given."""
    enhancer = Enhancer()
    enhancer.configure(parameters)
    pieces = [enhancer.accept(pcm[at : at + CHUNK]) for at in range(0, len(pcm), CHUNK)]
    return np.concatenate((*pieces, enhancer.finish()))


def cost_ms(parameters: AudioParameters, parts: list[Recording]) -> float:
    """Return the milliseconds of CPU that a second of audio costs."""
    began = time.process_time()
    for part in parts:
        enhanced(parameters, part.pcm)
    return 1000 * (time.process_time() - began) / sum(part.seconds for part in parts)


def _some(parts: list[Recording], seconds: float) -> list[Recording]:
    """Return the first recordings that make up so many seconds."""
    length, some = 0.0, list[Recording]()
    for part in parts:
        if length < seconds:
            some.append(part)
            length += part.seconds
    return some


def _in_noise(part: Recording, parts: list[Recording], kind: str, level: float) -> Pcm:
    others = [other for other in parts if other is not part]
    added = noise(kind, len(part.audio), others, parts.index(part))
    return _pcm(mixed(part.audio, added, level))


def _pcm(audio: Samples) -> Pcm:
    return np.clip(np.round(audio * 32768), -32768, 32767).astype(np.int16)
