"""WhisperLive with batch inference: its server as a process, and a client that hears it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.captions import Seen
from bench.corpus import Recording
from bench.options import BenchOptions
from bench.recognise import CHUNK
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import BackendUnavailable, InvalidInput

START_S = 120.0
TAIL_S = 3.0
"""Silence behind each recording: it promises its last words only when they stand for a while."""
MOST_CLIENTS = 500


@contextmanager
def whisper_live(options: BenchOptions, checkout: Path) -> Generator[str]:
    """Run its server on a free port; with the Python of ``.venv`` in its checkout if there is one.

    Raises:
        InvalidInput: That is no checkout of WhisperLive.
        BackendUnavailable: It does not start.
    """
    script = checkout / "run_server.py"
    if not (script.is_file() and (checkout / "whisper_live").is_dir()):
        raise InvalidInput(f"{checkout} is no checkout of WhisperLive", field="peer")
    python = checkout / ".venv" / "bin" / "python"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(python) if python.exists() else sys.executable, str(script)]
    command += ["--port", str(port), "--backend", "faster_whisper", "-fw", str(options.model)]
    command += ["--batch_inference", "--max_clients", str(MOST_CLIENTS)]
    command += ["--max_connection_time", "86400", "-omp", str(options.threads)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - the checkout that was named
            command, cwd=checkout, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": ""}
        )
        try:
            _until_it_listens(process, port)
            yield f"ws://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise BackendUnavailable("WhisperLive does not start: are its requirements in its .venv?")


async def watch_whisper_live(url: str, model: Path, recording: Recording) -> Seen:
    """Stream a recording in real time; its «completed» segments are what it promises."""
    words: list[str] = []
    times: list[float] = []
    async with connect(url, compression=None, proxy=None, max_size=None, open_timeout=60) as socket:
        wishes = {
            "uid": str(uuid.uuid4()),
            "language": recording.entry.language,
            "task": "transcribe",
            "model": str(model),
            "use_vad": True,
        }
        await socket.send(json.dumps(wishes))
        while json.loads(await socket.recv()).get("message") != "SERVER_READY":
            pass
        begin = time.monotonic()
        listening = asyncio.create_task(_listen(socket, begin, words, times))
        await _feed(socket, recording, begin)
        await socket.send(b"END_OF_AUDIO")
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return Seen(words, times, times, erased=0, broken=0)


async def _feed(socket: ClientConnection, recording: Recording, begin: float) -> None:
    silence = np.zeros(round(TAIL_S * SAMPLE_RATE), np.float32)
    audio = np.concatenate([recording.audio, silence])
    for start in range(0, len(audio), CHUNK):
        piece = audio[start : start + CHUNK]
        await asyncio.sleep(begin + (start + len(piece)) / SAMPLE_RATE - time.monotonic())
        await socket.send(piece.astype(np.float32).tobytes())


async def _listen(
    socket: ClientConnection, begin: float, words: list[str], times: list[float]
) -> None:
    known: set[tuple[str, str, str]] = set()
    try:
        async for message in socket:
            at = time.monotonic() - begin
            for segment in json.loads(message).get("segments", []):
                key = (segment["start"], segment["end"], segment["text"])
                if segment.get("completed") and key not in known:
                    known.add(key)
                    said = segment["text"].split()
                    words += said
                    times += [at] * len(said)
    except ConnectionClosed:
        return
