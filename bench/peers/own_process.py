"""A session that has a process and a model of its own: the start-up that shared models avoid.

``python own_process.py MODEL``: loads the model, then writes ``ready``.
"""

from __future__ import annotations

import sys

from faster_whisper import WhisperModel


def main() -> None:
    """Load the model and wait for the end of standard input."""
    model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8", cpu_threads=1)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    del model


if __name__ == "__main__":
    main()
