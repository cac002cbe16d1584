"""Word error rates: live sessions against whole files, by the same model."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from faster_whisper import WhisperModel

from bench.corpus import Recording, recordings
from bench.machine import describe
from bench.options import BenchOptions
from bench.recognise import leased, stream, whole
from bench.report import Report, Row, row
from bench.scoring import errors

LONGEST_S = 300.0
Pairs = dict[str, list[tuple[str, str, str]]]


def run(options: BenchOptions) -> Report:
    """Measure; decoding is deterministic, so once is enough."""
    machine = describe()
    parts = recordings(options.speech, most_s=LONGEST_S)
    live, file, languages, engine = asyncio.run(_ours(options, parts))
    parts = [part for part in parts if part.entry.language in languages]
    peer = _peer(options, parts) if engine == "faster-whisper" else {}
    rows: list[Row] = []
    for language in sorted(live):
        ours, offline = errors(live[language]), errors(file[language])
        rows.append(row(f"live, {language}: WER", "%", [100 * ours.wer], [100 * offline.wer]))
        rows.append(row(f"live, {language}: CER", "%", [100 * ours.cer], [100 * offline.cer]))
        points = 100 * (ours.wer - offline.wer)
        rows.append(row(f"live, {language}: more WER than the file's", "points", [points]))
        if language in peer:
            theirs = 100 * errors(peer[language]).wer
            rows.append(row(f"file, {language}: WER; faster-whisper", "%",
                            [100 * offline.wer], [theirs]))  # fmt: skip
    seconds = sum(part.seconds for part in parts)
    return Report(
        name="wer",
        target="live WER within 2 points of the file's (aim 1); PocketSphinx on people ≤ 45 %",
        baseline="the whole file by the same model; in the last rows faster-whisper's transcribe",
        rows=rows,
        notes=[
            f"Engine {engine}; {len(parts)} recordings, {seconds:.0f} s.",
            "Live: the steps of a session that is never behind. Micro-averaged, Whisper's "
            "normaliser. faster-whisper: beam 5, each recording in one go.",
        ],
        machine=machine,
    )


async def _ours(
    options: BenchOptions, parts: list[Recording]
) -> tuple[Pairs, Pairs, tuple[str, ...], str]:
    live: Pairs = defaultdict(list)
    file: Pairs = defaultdict(list)
    async with leased(options) as lease:
        languages = lease.engine.capabilities.languages
        for part in parts:
            language, text = part.entry.language, part.entry.text
            if language not in languages:
                continue
            heard = (await stream(lease, part.pcm, language)).text
            live[language].append((language, text, heard))
            read = await whole(lease, part.audio, language)
            file[language].append((language, text, read))
        return live, file, languages, lease.engine.info.engine


def _peer(options: BenchOptions, parts: list[Recording]) -> Pairs:
    model = WhisperModel(
        str(options.model), device="cpu", compute_type="int8", cpu_threads=options.threads
    )
    found: Pairs = defaultdict(list)
    for part in parts:
        language = part.entry.language
        segments, _ = model.transcribe(part.audio, language=language, beam_size=5)
        text = " ".join(segment.text for segment in segments)
        found[language].append((language, part.entry.text, text))
    return found
