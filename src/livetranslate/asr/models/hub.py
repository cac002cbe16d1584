"""Downloads from the hub into a staging directory, checked byte by byte before anyone sees them.

``huggingface_hub`` speaks the protocol: it continues a broken transfer where it stopped and honours
``HF_ENDPOINT``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE``. Files that arrived whole in an earlier attempt
are not fetched again. The hub tells a hash of every file; a file that does not match is discarded.
"""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from livetranslate.domain.errors import ModelUnavailable

_hub: Any = import_module("huggingface_hub")  # its functions are typed in part only

Progress = Callable[[str, int, int], None]
"""Called with a file's name, its bytes here so far and its size in bytes."""

READ_BYTES = 1 << 20


class RemoteFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a repository at one commit.

    Attributes:
        path: Name within the repository.
        size: Bytes.
        commit: The commit.
        sha256: Hash of a large file's content, or None for a small one.
        git_id: Object id that git gives the content of a small file.
    """

    path: str
    size: int
    commit: str
    sha256: str | None
    git_id: str


def list_files(
    repository: str, patterns: Sequence[str], *, endpoint: str | None = None
) -> list[RemoteFile]:
    """Return the files of a repository's newest commit that match one of the patterns.

    Raises:
        ModelUnavailable: The hub cannot be reached, or has no such repository for this user.
    """
    with _explained(repository, endpoint):
        api = HfApi(endpoint=endpoint)
        commit = api.model_info(repository).sha or constants.DEFAULT_REVISION
        entries = list(api.list_repo_tree(repository, revision=commit, recursive=True))
    return [
        RemoteFile(
            path=entry.path,
            size=entry.size,
            commit=commit,
            sha256=entry.lfs.sha256 if entry.lfs else None,
            git_id=entry.blob_id,
        )
        for entry in entries
        if isinstance(entry, RepoFile)
        and any(fnmatch.fnmatchcase(entry.path, pattern) for pattern in patterns)
    ]


def find_cached(repository: str, patterns: Sequence[str], cache_dir: Path | None) -> Path | None:
    """Return where the hub's cache holds a repository's newest known commit, if it holds one.

    Args:
        repository: ``owner/name``.
        patterns: Files that are wanted; with one of them known to be missing there is none.
        cache_dir: The cache; None for the usual place (``HF_HUB_CACHE``).
    """
    try:
        return Path(
            _hub.snapshot_download(
                repository,
                cache_dir=cache_dir,
                local_files_only=True,
                allow_patterns=list(patterns),
            )
        )
    except (HFValidationError, LocalEntryNotFoundError):
        return None


def fetch_files(
    repository: str,
    files: Sequence[RemoteFile],
    target: Path,
    *,
    endpoint: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Download files into ``target``; those already there and right are kept.

    Raises:
        ModelUnavailable: The disk is full, the hub went away, or a file arrived damaged. What
            arrived whole stays, so that the next call goes on from there.
    """
    with _explained(repository, endpoint):
        target.mkdir(parents=True, exist_ok=True)
    _check_space(files, target)
    for file in files:
        with _explained(repository, endpoint):
            _hub.hf_hub_download(
                repository,
                file.path,
                revision=file.commit,
                local_dir=target,
                endpoint=endpoint,
                tqdm_class=_bar_class(file, progress),
            )
        path = target / file.path
        if not _is_intact(path, file):
            path.unlink()
            raise ModelUnavailable(
                f"{file.path} of {repository} arrived damaged and was discarded; run the same "
                "command again, and if it happens again, the mirror's copy is damaged"
            )
        if progress is not None:
            progress(file.path, file.size, file.size)


def _is_intact(path: Path, file: RemoteFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    if file.sha256 is not None:
        digest, expected = hashlib.sha256(), file.sha256
    else:
        digest, expected = hashlib.sha1(usedforsecurity=False), file.git_id
        digest.update(b"blob %d\0" % file.size)
    with path.open("rb") as content:
        while block := content.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest() == expected


def _check_space(files: Sequence[RemoteFile], target: Path) -> None:
    needed = sum(file.size for file in files if not (target / file.path).exists())
    free = shutil.disk_usage(target).free
    if needed > free:
        raise ModelUnavailable(
            f"the download needs {needed / 1e6:,.0f} MB, but {target} has {free / 1e6:,.0f} MB "
            "free; make room, choose a smaller model, or set MODEL_DIR to a larger disk"
        )


class _Bar:
    """Stands in for the client's progress bar of one file: reports instead of drawing."""

    def __init__(self, file: RemoteFile, progress: Progress | None, initial: int) -> None:
        self._file = file
        self._progress = progress
        self._received = initial

    def update(self, n: float | None = 1) -> None:
        """Count bytes that are stored."""
        self._received += int(n or 0)
        if self._progress is not None:
            self._progress(self._file.path, min(self._received, self._file.size), self._file.size)

    def update_transfer(self, n: float | None = 1) -> None:
        """Take no notice of bytes on the wire, which ``update`` counts once they are stored."""

    def set_postfix_str(self, *_: object, **__: object) -> None:
        """Take no notice of the client's own estimate of the speed."""

    set_transfer_postfix_str = set_postfix_str

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _bar_class(file: RemoteFile, progress: Progress | None) -> type[_Bar]:
    """Return the class that the client makes its bar for the file of, with options of its own."""

    class Bar(_Bar):
        def __init__(self, *_: object, initial: int = 0, **__: object) -> None:
            super().__init__(file, progress, initial)

    return Bar


@contextmanager
def _explained(repository: str, endpoint: str | None) -> Generator[None]:
    """Turn what the hub's client raises into an error with a remedy."""
    hub = endpoint or constants.ENDPOINT
    try:
        yield
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"{repository} is gated: accept its terms on the hub and set HF_TOKEN"
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise ModelUnavailable(
            f"{hub} has no repository {repository} for you; check the name (`livetranslate models "
            "list` shows the known ones), and set HF_TOKEN if it is private",
            field="model",
        ) from error
    except (OfflineModeIsEnabled, EntryNotFoundError, HfHubHTTPError, httpx2.HTTPError) as error:
        raise ModelUnavailable(
            f"{hub} did not deliver {repository} ({_first_line(error)}); try again later, set "
            "HF_ENDPOINT to a mirror, or copy the model's directory into MODEL_DIR from a machine "
            "that has it"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = (
                "the disk is full; make room, choose a smaller model, or set MODEL_DIR to a "
                "larger disk, then run the same command again"
            )
        else:
            message = f"{repository} could not be stored ({_first_line(error)})"
        raise ModelUnavailable(message) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
