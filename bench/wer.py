"""Word error rates of a loaded engine: live, as sessions use it, and offline.

Rates are micro-averaged over all recordings after Whisper's English normaliser, by jiwer. The
recordings are read from a folder with a ``manifest.json`` (file, text, language).
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import jiwer
import msgspec
import numpy as np
from whisper_normalizer.english import EnglishTextNormalizer

from livetranslate.asr.decoders import make_decoder
from livetranslate.asr.engine import Samples
from livetranslate.asr.files import FileOptions, recognise_file
from livetranslate.asr.manager import ModelLease
from livetranslate.asr.streaming import StreamingOptions, StreamingRecogniser
from livetranslate.audio.files import decode_file
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.session import PolicyName, SessionConfig

CHUNK = 1600
"""Samples a chunk: 0.1 s, as clients send them."""


class Recording(msgspec.Struct, frozen=True):
    """A recording of a manifest."""

    file: str
    text: str
    language: str


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of one recording.

    Attributes:
        file: Name of the recording.
        wer: Its own word error rate.
        text: What was recognised.
        rtf: CPU seconds over audio seconds.
    """

    file: str
    wer: float
    text: str
    rtf: float


class WerReport(msgspec.Struct, frozen=True, kw_only=True):
    """Rates over a folder.

    Attributes:
        mode: ``live`` or ``offline``.
        wer: Word error rate over all words.
        rtf: CPU seconds over audio seconds, all recordings.
        recordings: One by one.
    """

    mode: str
    wer: float
    rtf: float
    recordings: tuple[Heard, ...]


async def measure(
    lease: ModelLease,
    folder: Path,
    *,
    live: bool,
    policy: PolicyName = PolicyName.LOCAL_AGREEMENT,
    options: StreamingOptions | None = None,
) -> WerReport:
    """Return the rates of the English recordings in ``folder``.

    Args:
        lease: The model.
        folder: With ``manifest.json``.
        live: Chunk by chunk through the streaming recogniser, else as whole files.
        policy: Streaming policy, for ``live``.
        options: How live audio is cut into steps; None for the platform's own.
    """
    options = options or StreamingOptions()
    normalise = EnglishTextNormalizer()
    references: list[str] = []
    hypotheses: list[str] = []
    heard: list[Heard] = []
    audio_s = spent_s = 0.0
    manifest = json.loads((folder / "manifest.json").read_text())
    for recording in msgspec.convert(manifest, list[Recording]):
        if recording.language != "en":
            continue
        audio = decode_file(folder / recording.file)
        begin = time.process_time()
        text = await (_live(audio, lease, policy, options) if live else _offline(audio, lease))
        took_s = time.process_time() - begin
        references.append(normalise(recording.text))
        hypotheses.append(normalise(text))
        duration_s = len(audio) / SAMPLE_RATE
        audio_s, spent_s = audio_s + duration_s, spent_s + took_s
        wer = jiwer.wer(references[-1], hypotheses[-1])
        heard.append(
            Heard(file=recording.file, wer=wer, text=text, rtf=round(took_s / duration_s, 3))
        )
    return WerReport(
        mode="live" if live else "offline",
        wer=jiwer.wer(references, hypotheses),
        rtf=spent_s / audio_s,
        recordings=tuple(heard),
    )


async def _live(
    audio: Samples, lease: ModelLease, policy: PolicyName, options: StreamingOptions
) -> str:
    config = SessionConfig(language="en", policy=policy)
    recogniser = StreamingRecogniser(config, lease.engine.capabilities, options)
    decoder = make_decoder(lease)
    finals: dict[str, str] = {}

    async def catch_up() -> None:
        while (step := recogniser.next_step()) is not None:
            for segment in recogniser.apply(step, await decoder.decode(step, config)):
                finals[segment.segment_id] = segment.text

    pcm = np.clip(np.rint(audio * 32768.0), -32768, 32767).astype(np.int16)
    for start in range(0, len(pcm), CHUNK):
        recogniser.accept(pcm[start : start + CHUNK])
        await catch_up()
    recogniser.finish()
    await catch_up()
    return " ".join(finals.values())


async def _offline(audio: Samples, lease: ModelLease) -> str:
    found = await recognise_file(
        audio, lease, FileOptions(language="en"), clock=asyncio.get_running_loop().time
    )
    return found.text
