"""The synthetic recordings among the fixtures, with their transcripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.files import decode_file

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
FOLDER = FIXTURES / "speech"
WHISPER_FIXTURE = FIXTURES / "whisper-fixture"


class Recording(msgspec.Struct, frozen=True):
    """One recording of the manifest; ``words`` have the keys word, start and end."""

    file: str
    text: str
    language: str
    duration: float
    words: list[dict[str, Any]]

    @property
    def path(self) -> Path:
        return FOLDER / self.file

    @property
    def audio(self) -> NDArray[np.float32]:
        """Samples, mono 16 kHz."""
        return decode_file(self.path)


def recordings(language: str | None = None, *, meetings: bool = False) -> list[Recording]:
    """The recordings of a language, without the long meetings unless asked for."""
    entries = msgspec.convert(json.loads((FOLDER / "manifest.json").read_text()), list[Recording])
    return [
        entry
        for entry in entries
        if (language in (None, entry.language)) and entry.file.startswith("meeting") is meetings
    ]


def recording(prefix: str) -> Recording:
    """The recording whose file name begins with ``prefix``."""
    return next(
        entry for entry in recordings() + recordings(meetings=True) if entry.file.startswith(prefix)
    )
