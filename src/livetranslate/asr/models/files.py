"""What makes a directory a model: the files of a CTranslate2 Whisper model, and its own notes."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import msgspec

from livetranslate.domain.errors import ModelUnavailable

FILE_PATTERNS = (
    "config.json",
    "preprocessor_config.json",
    "model.bin",
    "tokenizer.json",
    "vocabulary.*",
    "livetranslate.json",
)
"""Files of a hub repository that a model consists of."""

NOTES_NAME = "livetranslate.json"

STOCK_WINDOW_S = 30.0
"""Encoder window that stock Whisper models were trained on, in seconds."""


class Origin(str, Enum):
    """Where a model was found, in the order of search."""

    DIRECTORY = "directory"
    MODEL_DIR = "model_dir"
    HUB_CACHE = "hub_cache"


class ModelNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Content of ``livetranslate.json`` in a model's directory.

    Attributes:
        min_window_s: Shortest encoder window in seconds at which the model recognises as well as
            with padding; measured with ``livetranslate bench window``.
    """

    min_window_s: Annotated[float, msgspec.Meta(gt=0, le=STOCK_WINDOW_S)] = STOCK_WINDOW_S


class ModelFiles(msgspec.Struct, frozen=True, kw_only=True):
    """An installed, complete model.

    Attributes:
        name: As it was asked for.
        path: Directory that ``faster_whisper.WhisperModel`` loads.
        origin: Where it was found.
        size_bytes: Of all its files.
        min_window_s: Shortest encoder window it bears, in seconds.
    """

    name: str
    path: Path
    origin: Origin
    size_bytes: int
    min_window_s: float


def missing_files(directory: Path) -> list[str]:
    """Return the names of what a directory lacks to be a model; empty if it is one."""
    missing = [
        name
        for name in ("config.json", "model.bin", "tokenizer.json")
        if not (directory / name).is_file() or (directory / name).stat().st_size == 0
    ]
    if not any(directory.glob("vocabulary.*")):
        missing.append("vocabulary.json")
    return missing


def read_notes(directory: Path) -> ModelNotes:
    """Return a model's notes, or those of a stock Whisper model where it has none.

    Raises:
        ModelUnavailable: The notes are malformed; the message names file and field.
    """
    path = directory / NOTES_NAME
    if not path.is_file():
        return ModelNotes()
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelNotes)
    except msgspec.DecodeError as error:
        raise ModelUnavailable(f"{path} is wrong: {error}; mend or remove it") from error


def read_model(name: str, directory: Path, origin: Origin) -> ModelFiles:
    """Return what is in a model's directory.

    Raises:
        ModelUnavailable: It is incomplete, or its notes are malformed.
    """
    missing = missing_files(directory)
    if missing:
        raise ModelUnavailable(
            f"{directory} is no complete CTranslate2 Whisper model: {', '.join(missing)} "
            "missing or empty",
            field="model",
        )
    return ModelFiles(
        name=name,
        path=directory,
        origin=origin,
        size_bytes=sum(file.stat().st_size for file in directory.iterdir() if file.is_file()),
        min_window_s=read_notes(directory).min_window_s,
    )
