"""Whisper models that are known by a short name, with where the hub keeps them.

Names and repositories are those of ``faster_whisper.utils``; sizes are those of ``model.bin`` in
float16 there, for orientation before a download.
"""

from __future__ import annotations

import msgspec

from livetranslate.domain.errors import InvalidInput


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be asked for by a short name.

    Attributes:
        name: What users call it.
        repository: ``owner/name`` on the hub.
        multilingual: Whether it knows about a hundred languages; otherwise English only.
        size_mb: Approximate download in megabytes.
    """

    name: str
    repository: str
    multilingual: bool
    size_mb: int


def _systran(name: str, size_mb: int, *, distil: bool = False) -> CatalogEntry:
    folder = f"faster-distil-whisper-{name.removeprefix('distil-')}" if distil else name
    return CatalogEntry(
        name=name,
        repository=f"Systran/{folder if distil else f'faster-whisper-{name}'}",
        multilingual=not name.endswith(".en") and not distil,
        size_mb=size_mb,
    )


_ENTRIES = (
    _systran("tiny", 76),
    _systran("tiny.en", 76),
    _systran("base", 145),
    _systran("base.en", 145),
    _systran("small", 484),
    _systran("small.en", 484),
    _systran("medium", 1528),
    _systran("medium.en", 1528),
    _systran("large-v1", 3087),
    _systran("large-v2", 3087),
    _systran("large-v3", 3087),
    CatalogEntry(
        name="large-v3-turbo",
        repository="mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        multilingual=True,
        size_mb=1618,
    ),
    _systran("distil-small.en", 332, distil=True),
    _systran("distil-medium.en", 789, distil=True),
    _systran("distil-large-v2", 1513, distil=True),
    _systran("distil-large-v3", 1513, distil=True),
    CatalogEntry(
        name="distil-large-v3.5",
        repository="distil-whisper/distil-large-v3.5-ct2",
        multilingual=False,
        size_mb=1513,
    ),
)

CATALOG: dict[str, CatalogEntry] = {entry.name: entry for entry in _ENTRIES}
"""Known models by name, small ones first."""

ALIASES: dict[str, str] = {"large": "large-v3", "turbo": "large-v3-turbo"}
"""Other names of known models."""


def canonical(name: str) -> str:
    """Return the catalog's own name for an alias; other names come back unchanged."""
    return ALIASES.get(name, name)


def repository_of(name: str) -> str:
    """Return the hub repository of a known name; ``owner/name`` is one already.

    Raises:
        InvalidInput: The name is neither known nor of that form.
    """
    entry = CATALOG.get(canonical(name))
    if entry is not None:
        return entry.repository
    parts = name.split("/")
    if len(parts) == 2 and all(parts) and not name.startswith((".", "~")):
        return name
    raise InvalidInput(
        f"{name!r} is no model's name; known are {', '.join([*CATALOG, *ALIASES])}, "
        "or any owner/name on the hub that holds a CTranslate2 Whisper model",
        field="model",
    )
