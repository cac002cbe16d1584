"""whisper_streaming's LocalAgreement, fed in real time; a process that speaks JSON lines.

``python local_agreement.py CHECKOUT MODEL THREADS``: each line on standard input names a recording
(raw float32 16 kHz) and its language; the answer is a line with every committed piece of text and
when it came, in seconds since the first sample was spoken. Chunks are as long as the peer's default
(1 s), its model is loaded for the CPU in int8 as ours is; everything else is as the peer has it.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_S = 1.0
RATE = 16_000
Samples = NDArray[np.float32]


def load(checkout: str, model: str, threads: int) -> tuple[Any, Any]:
    """Return the peer's module and its recogniser on our model."""
    for unused in ("librosa", "soundfile"):
        # It imports them for files and for a remote service; neither is used here.
        sys.modules.setdefault(unused, ModuleType(unused))
    sys.path.insert(0, checkout)
    peer = importlib.import_module("whisper_online")

    class OnCpu(peer.FasterWhisperASR):
        """The peer's recogniser, loaded for the CPU."""

        def load_model(self, *_: object, **__: object) -> Any:
            """Load the model as our engine does."""
            from faster_whisper import WhisperModel

            return WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads)

    return peer, OnCpu(lan="en", model_dir=model)


def stream(peer: Any, recogniser: Any, audio: Samples, language: str) -> list[tuple[float, str]]:
    """Feed a recording in real time; return (seconds, text) of each commit."""
    recogniser.original_language = language
    online = peer.OnlineASRProcessor(recogniser)
    said: list[tuple[float, str]] = []
    begin = time.monotonic()
    fed = 0
    while fed < len(audio):
        due_s = min(fed / RATE + CHUNK_S, len(audio) / RATE)
        time.sleep(max(0.0, begin + due_s - time.monotonic()))
        heard = min(int((time.monotonic() - begin) * RATE), len(audio))
        online.insert_audio_chunk(audio[fed:heard])
        fed = heard
        text = online.process_iter()[2]
        said.append((time.monotonic() - begin, text))
    rest = online.finish()[2]
    said.append((time.monotonic() - begin, rest))
    return [(at, text) for at, text in said if text]


def main() -> None:
    """Serve until standard input ends."""
    peer, recogniser = load(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    recogniser.transcribe(np.zeros(RATE, dtype=np.float32))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        audio = np.frombuffer(Path(asked["file"]).read_bytes(), dtype=np.float32)
        answer = stream(peer, recogniser, audio, asked["language"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
