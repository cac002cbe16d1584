"""Removal of a session's stored audio from disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy import select

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.storage.database import Database
from livetranslate.storage.tables import AudioFileRow

_log = structlog.get_logger(__name__)


async def remove_stored_audio(database: Database, session_id: str, folder: Path) -> None:
    """Remove the files of a session's audio; to be done before its rows go, which name them.

    Args:
        database: Where the rows are.
        session_id: The session.
        folder: Directory that the rows' paths start from; what lies outside of it stays.

    Raises:
        BackendUnavailable: The database cannot be reached, or a file cannot be removed.
    """
    query = select(AudioFileRow.file_path).where(AudioFileRow.session_id == session_id)
    async with database.read() as connection:
        paths = (await connection.execute(query)).scalars().all()
    if paths:
        await asyncio.to_thread(_remove, folder, paths)


def _remove(folder: Path, paths: Sequence[str]) -> None:
    folder = folder.resolve()
    parents: set[Path] = set()
    for path in paths:
        file = (folder / path).resolve()
        if not file.is_relative_to(folder):
            _log.warning("a stored file outside of the folder of audio stays", file=path)
            continue
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise BackendUnavailable(f"cannot remove {path}: {error.strerror}") from error
        parents.add(file.parent)
    for parent in parents - {folder}:
        with suppress(OSError):
            parent.rmdir()
