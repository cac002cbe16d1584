"""Removal of a session wherever it is: its log, its stored audio, its rows."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from livetranslate.domain.errors import NotFound
from livetranslate.domain.session import EndReason
from livetranslate.sessions.manager import SessionManager
from livetranslate.storage.database import Database
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.stored_audio import remove_stored_audio


class Removal:
    """Removes all of a session and nothing of another's; may be repeated after an error.

    Args:
        manager: Ends a session that may be live, and frees its log.
        database: Knows the stored audio.
        records: Removes the rows.
        audio: Folder of stored audio.
    """

    def __init__(
        self,
        manager: SessionManager,
        database: Database,
        records: SqlSessionRecords,
        audio: Path,
    ) -> None:
        self._manager = manager
        self._database = database
        self._records = records
        self._audio = audio

    async def remove(self, session_id: str) -> None:
        """Remove a session; no error if there is none.

        Raises:
            BackendUnavailable: Log, disk or database cannot be reached.
        """
        with suppress(NotFound):
            await self._manager.end(session_id, EndReason.DELETED)
        await remove_stored_audio(self._database, session_id, self._audio)
        with suppress(NotFound):
            await self._manager.delete(session_id)
        await self._records.delete(session_id)
