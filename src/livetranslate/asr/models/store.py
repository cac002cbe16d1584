"""The models of this machine: found, listed, downloaded and removed.

A name is searched as a directory, then in ``MODEL_DIR``, then in the hub's cache. A download grows
in ``MODEL_DIR/.incoming`` and moves to its place in one step once every file is there and right, so
that whatever stands in ``MODEL_DIR`` under a name is whole. The hub's client is imported only where
it is needed: importing it takes longer than everything else that a start does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from livetranslate.asr.models.catalog import CATALOG, canonical, repository_of
from livetranslate.asr.models.files import FILE_PATTERNS, ModelFiles, Origin, read_model
from livetranslate.domain.errors import InvalidInput, ModelUnavailable, NotFound

if TYPE_CHECKING:
    from livetranslate.asr.models.hub import Progress

STAGING_NAME = ".incoming"


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where models lie and come from.

    Attributes:
        model_dir: Directory of this installation's models (``MODEL_DIR``), one directory each.
        endpoint: Address of the hub or a mirror; None for ``HF_ENDPOINT`` or the hub itself.
        hub_cache: Cache that other programs fill (``HF_HUB_CACHE``); None for the usual place.
    """

    model_dir: Path
    endpoint: str | None = None
    hub_cache: Path | None = None


class ModelStore:
    """Finds and keeps models.

    Args:
        options: Where they lie and come from.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._options = options

    def locate(self, name: str) -> ModelFiles:
        """Return an installed model, without any network.

        Args:
            name: A directory, a name in ``MODEL_DIR``, a known name, or ``owner/name``.

        Raises:
            ModelUnavailable: It is not installed or incomplete; the message names the remedy.
        """
        directory = Path(name).expanduser()
        if directory.is_dir() and ("/" in name or (directory / "model.bin").exists()):
            return read_model(name, directory.resolve(), Origin.DIRECTORY)
        if name.startswith(("/", "./", "../", "~")):
            raise ModelUnavailable(f"there is no model's directory {name}", field="model")
        kept = self._place_of(name)
        if kept.is_dir():
            return read_model(name, kept, Origin.MODEL_DIR)
        cached = self._cached(name)
        if cached is not None:
            return cached
        raise ModelUnavailable(
            f"there is no speech model {name!r} here. Download it with `livetranslate models "
            f"download {name}` (set HF_ENDPOINT to use a mirror), or copy a CTranslate2 Whisper "
            f"model's directory to {kept} (MODEL_DIR is {self._options.model_dir})",
            field="model",
        )

    def installed(self) -> list[ModelFiles]:
        """Return every complete model in ``MODEL_DIR`` and the known ones in the hub's cache."""
        found: dict[str, ModelFiles] = {}
        for directory in self._kept():
            name = directory.name.replace("--", "/")
            try:
                found[name] = read_model(name, directory, Origin.MODEL_DIR)
            except ModelUnavailable:
                continue
        for name in CATALOG:
            cached = None if name in found else self._cached(name)
            if cached is not None:
                found[name] = cached
        return list(found.values())

    def download(self, name: str, *, progress: Progress | None = None) -> ModelFiles:
        """Bring a model into ``MODEL_DIR``; one that is there already is left as it is.

        An attempt that was cut off is taken up again: files that arrived whole are kept.

        Args:
            name: A known name, or ``owner/name`` on the hub.
            progress: Told of every part that arrives.

        Raises:
            InvalidInput: No model can have this name.
            ModelUnavailable: It cannot be had; the message says why and what helps.
        """
        from livetranslate.asr.models.hub import fetch_files, list_files

        repository = repository_of(name)
        place = self._place_of(name)
        if place.is_dir():
            return read_model(name, place, Origin.MODEL_DIR)
        endpoint = self._options.endpoint
        files = list_files(repository, FILE_PATTERNS, endpoint=endpoint)
        names = {file.path for file in files}
        if not {"model.bin", "config.json"} <= names:
            raise ModelUnavailable(
                f"{repository} holds no CTranslate2 model (model.bin and config.json); look for "
                "a repository with a converted one",
                field="model",
            )
        staging = self._options.model_dir / STAGING_NAME / place.name
        fetch_files(repository, files, staging, endpoint=endpoint, progress=progress)
        read_model(name, staging, Origin.MODEL_DIR)
        shutil.rmtree(staging / ".cache", ignore_errors=True)
        staging.rename(place)
        return read_model(name, place, Origin.MODEL_DIR)

    def remove(self, name: str) -> Path:
        """Delete a model from ``MODEL_DIR``, with what an unfinished download of it left.

        Returns:
            The directory that is gone.

        Raises:
            NotFound: There is none in ``MODEL_DIR``; models elsewhere are not ours to delete.
        """
        place = self._place_of(name)
        staging = self._options.model_dir / STAGING_NAME / place.name
        if not place.is_dir() and not staging.is_dir():
            raise NotFound(f"there is no model {name!r} in {self._options.model_dir}")
        for directory in (place, staging):
            if directory.is_dir():
                shutil.rmtree(directory)
        return place

    def _place_of(self, name: str) -> Path:
        folder = canonical(name).replace("/", "--")
        if not folder or folder.startswith("."):
            raise InvalidInput(f"{name!r} is no model's name", field="model")
        return self._options.model_dir / folder

    def _kept(self) -> Iterator[Path]:
        if self._options.model_dir.is_dir():
            for directory in sorted(self._options.model_dir.iterdir()):
                if directory.is_dir() and not directory.name.startswith("."):
                    yield directory

    def _cached(self, name: str) -> ModelFiles | None:
        """Return a model that another program left whole in the hub's cache, if there is one."""
        from livetranslate.asr.models.hub import find_cached

        try:
            path = find_cached(repository_of(name), FILE_PATTERNS, self._options.hub_cache)
            return None if path is None else read_model(name, path, Origin.HUB_CACHE)
        except (InvalidInput, ModelUnavailable):
            return None
