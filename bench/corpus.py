"""Recordings with their transcripts, from a folder with a ``manifest.json``."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.files import decode_file
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import InvalidInput


class SpokenWord(msgspec.Struct, frozen=True):
    """A word as it was said; times in seconds."""

    word: str
    start: float
    end: float


class Entry(msgspec.Struct, frozen=True):
    """An entry of the manifest; ``words`` are there where the times are known."""

    file: str
    text: str
    language: str
    words: tuple[SpokenWord, ...] = ()


class Recording(msgspec.Struct, frozen=True):
    """A recording: float32 mono 16 kHz, shape (n,)."""

    entry: Entry
    audio: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Its duration."""
        return len(self.audio) / SAMPLE_RATE

    @property
    def pcm(self) -> NDArray[np.int16]:
        """Its samples as 16-bit integers."""
        return np.clip(np.round(self.audio * 32768), -32768, 32767).astype(np.int16)


def recordings(
    folder: Path, *, language: str | None = None, most_s: float = 30.0
) -> list[Recording]:
    """Return the recordings of a language that are no longer than ``most_s``.

    Raises:
        InvalidInput: The folder has no manifest, or nothing in it fits.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise InvalidInput(f"{folder} has no manifest.json", field="speech")
    entries = msgspec.json.decode(manifest.read_bytes(), type=list[Entry])
    wanted = [entry for entry in entries if language in (None, entry.language)]
    loaded = (Recording(entry, decode_file(folder / entry.file)) for entry in wanted)
    found = [recording for recording in loaded if recording.seconds <= most_s]
    if not found:
        raise InvalidInput(f"{folder} holds no recording that fits", field="speech")
    return found


def joined(parts: list[Recording], seconds: float, *, gap_s: float = 0.5) -> Recording:
    """Return the recordings one after another, from the first again until it is long enough."""
    gap = np.zeros(int(gap_s * SAMPLE_RATE), dtype=np.float32)
    pieces: list[NDArray[np.float32]] = []
    texts: list[str] = []
    words: list[SpokenWord] = []
    length = 0
    while length < seconds * SAMPLE_RATE:
        part = parts[len(texts) % len(parts)]
        at = length / SAMPLE_RATE
        words += [SpokenWord(w.word, w.start + at, w.end + at) for w in part.entry.words]
        texts.append(part.entry.text)
        pieces += [part.audio, gap]
        length += len(part.audio) + len(gap)
    entry = Entry("joined", " ".join(texts), parts[0].entry.language, tuple(words))
    return Recording(entry, np.concatenate(pieces))
