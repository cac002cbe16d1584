"""What all benchmarks are told; each reads what concerns it."""

from __future__ import annotations

from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

MODEL = ROOT / "tests" / "fixtures" / "whisper-fixture"
SPEECH = ROOT / "tests" / "fixtures" / "speech"


class BenchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a run.

    Attributes:
        repeats: How often everything is measured; the median counts.
        model: Whisper model under CTranslate2.
        speech: Folder of recordings with a ``manifest.json``.
        engine: Speech engine, where a benchmark can take several.
        peer: Checkout of the peer that is the baseline, where it is one; without it that column
            is not measured.
        url: Address of a running platform's ``/ws``; without it one is started on free ports.
        sessions: Sessions at once.
        seconds: Seconds of audio of one repeat; 0 for the benchmark's own choice.
        operations: Rows written in one repeat, for database.
        concurrent: Streams at once, for chunking.
        threads: Threads of one call of an engine that this process loads; 0 for its default.
    """

    repeats: int = 5
    model: Path = MODEL
    speech: Path = SPEECH
    engine: str | None = None
    peer: Path | None = None
    url: str | None = None
    sessions: int = 100
    seconds: float = 0.0
    operations: int = 10_000
    concurrent: int = 50
    threads: int = 2
