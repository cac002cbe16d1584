"""Stored audio: which segments begin in it, its removal from disk, and what was left over there."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.storage.database import Database
from livetranslate.storage.tables import AudioFileRow, TranscriptRow

_log = structlog.get_logger(__name__)


LEFT_S = 86_400.0
"""Age in seconds of a file without a row that nobody is about to give one."""
_AT_ONCE = 200


async def link_stored_audio(connection: AsyncConnection, session_id: str) -> None:
    """Tell a session's segments which stored audio they begin in, where they do not know yet."""
    within = (
        AudioFileRow.session_id == session_id,
        AudioFileRow.start_time <= TranscriptRow.start_time,
        AudioFileRow.end_time > TranscriptRow.start_time,
    )
    first = select(AudioFileRow.audio_file_id).where(*within).order_by(AudioFileRow.start_time)
    await connection.execute(
        update(TranscriptRow)
        .where(
            TranscriptRow.session_id == session_id,
            TranscriptRow.audio_file_id.is_(None),
            exists().where(AudioFileRow.session_id == session_id),
        )
        .values(audio_file_id=first.limit(1).scalar_subquery())
    )


async def sweep_stored_audio(database: Database, folder: Path, *, left_s: float = LEFT_S) -> int:
    """Remove files that a process left before their rows were written; return how many.

    Args:
        database: Where the rows are.
        folder: Directory of stored audio, with one directory a session.
        left_s: Files that changed within so many seconds may be about to get their rows, and stay.

    Raises:
        BackendUnavailable: The database cannot be reached.
    """
    before = time.time() - left_s
    old = await asyncio.to_thread(_old_files, folder, before)
    sessions = sorted(old)
    swept = 0
    for at in range(0, len(sessions), _AT_ONCE):
        some = sessions[at : at + _AT_ONCE]
        query = select(AudioFileRow.file_path).where(AudioFileRow.session_id.in_(some))
        async with database.read() as connection:
            known = set((await connection.execute(query)).scalars())
        left = [path for name in some for path in old[name] if path not in known]
        swept += await asyncio.to_thread(_sweep, folder, left, before)
    if swept:
        _log.info("audio without rows removed", files=swept, folder=str(folder))
    return swept


def _old_files(folder: Path, before: float) -> dict[str, list[str]]:
    """Return the files that last changed before a time, by session; as paths from the folder."""
    found: dict[str, list[str]] = {}
    with suppress(OSError):
        for session in folder.iterdir():
            if not session.is_dir() or session.is_symlink():
                continue
            names = [file.name for file in session.iterdir() if _is_old(file, before)]
            if names:
                found[session.name] = [f"{session.name}/{name}" for name in names]
    return found


def _is_old(file: Path, before: float) -> bool:
    try:
        told = file.lstat()
    except OSError:
        return False
    return stat.S_ISREG(told.st_mode) and told.st_mtime < before


def _sweep(folder: Path, paths: Sequence[str], before: float) -> int:
    swept = 0
    for path in paths:
        file = folder / path
        if _is_old(file, before):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("audio without a row stays", file=path, reason=error.strerror)
                continue
            swept += 1
            with suppress(OSError):
                file.parent.rmdir()
    return swept


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
