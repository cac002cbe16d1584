"""Meetings of which is known who speaks when: recorded ones, and ones put together here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.files import decode_file
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import InvalidInput

DISTINCT = ("flite:slt", "flite:rms", "flite:awb", "espeak:gmw/en-US+f3", "espeak:gmw/en+m3")
"""Five voices of five speakers; of the plain espeak-ng voices +m3 is a slight variant."""


class SpokenTurn(msgspec.Struct, frozen=True):
    """A turn; times in seconds."""

    speaker: str
    start: float
    end: float


class Meeting(msgspec.Struct, frozen=True):
    """A recording, float32 mono 16 kHz of shape (n,), and its turns in order."""

    name: str
    audio: NDArray[np.float32]
    turns: tuple[SpokenTurn, ...]

    @property
    def pcm(self) -> NDArray[np.int16]:
        """Its samples as 16-bit integers."""
        return np.clip(np.round(self.audio * 32768), -32768, 32767).astype(np.int16)


class _Word(msgspec.Struct, frozen=True):
    start: float
    end: float


class _Entry(msgspec.Struct, frozen=True):
    file: str
    language: str
    voice: str = ""
    words: tuple[_Word, ...] = ()
    turns: tuple[SpokenTurn, ...] = ()


def recorded(folder: Path) -> list[Meeting]:
    """Return the meetings of a folder; raises InvalidInput if its manifest has no turns."""
    found = [entry for entry in _entries(folder) if entry.turns]
    if not found:
        raise InvalidInput(f"no recording in {folder} has turns in the manifest", field="speech")
    return [
        Meeting(Path(one.file).stem, decode_file(folder / one.file), one.turns) for one in found
    ]


def composed(
    folder: Path, voices: Sequence[str] = DISTINCT, *, turns: int = 15, seed: int = 0
) -> Meeting | None:
    """Return a meeting of recordings of these voices, one after the other in random order.

    Pauses between turns are 0.2-0.9 s long, as in talk. None if the folder lacks a voice.
    """
    by_voice: dict[str, list[_Entry]] = {}
    for entry in _entries(folder):
        if entry.words and not entry.turns:
            by_voice.setdefault(entry.voice, []).append(entry)
    if any(voice not in by_voice for voice in voices):
        return None
    order = np.random.default_rng(seed)
    pieces = [np.zeros(SAMPLE_RATE // 2, dtype=np.float32)]
    spoken: list[SpokenTurn] = []
    at = len(pieces[0])
    before = ""
    for number in range(turns):
        others = [voice for voice in voices if voice != before]
        before = voices[number] if number < len(voices) else others[order.integers(len(others))]
        takes = by_voice[before]
        entry = takes[number % len(takes)]
        first, last = entry.words[0].start, entry.words[-1].end
        audio = decode_file(folder / entry.file)
        said = audio[int((first - 0.05) * SAMPLE_RATE) : int((last + 0.1) * SAMPLE_RATE)]
        begin = at / SAMPLE_RATE + 0.05
        spoken.append(SpokenTurn(before, begin, begin + last - first))
        pause = np.zeros(int(order.uniform(0.2, 0.9) * SAMPLE_RATE), dtype=np.float32)
        pieces += [said, pause]
        at += len(said) + len(pause)
    return Meeting(f"{len(voices)} speakers", np.concatenate(pieces), tuple(spoken))


def _entries(folder: Path) -> list[_Entry]:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise InvalidInput(f"{folder} has no manifest.json", field="speech")
    return msgspec.json.decode(manifest.read_bytes(), type=list[_Entry])
