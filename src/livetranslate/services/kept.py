"""What is kept of sessions, as a process reads and removes it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.services.removal import Removal
from livetranslate.sessions.clock import SystemClock
from livetranslate.sessions.log.base import SessionLog
from livetranslate.sessions.manager import SessionManager
from livetranslate.sessions.retention import Retention, RetentionOptions
from livetranslate.sessions.settling import RecordedVersions
from livetranslate.storage.database import Database
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.live import LiveHistory
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.stored_audio import sweep_stored_audio

ANSWER_S = 3.0
"""A database that is asked whether it is there, and says nothing for so long, is away."""


class Kept:
    """The database and the stored audio of one process.

    Args:
        database: The database.
        records: Its writes of live sessions.
        log: Logs of the live sessions.
        manager: Ends live sessions.
        audio: Folder of stored audio.
        retention_days: Days that ended sessions are kept; None for good.

    Attributes:
        database: The database.
        history: Its reads.
        live: Reads of one session that may be live, through a cache.
        removal: Removes sessions.
        audio: Folder of stored audio; the paths in ``audio_files`` start there.
        retention: Removes old sessions, if there is an age for that, and what was left over.
    """

    def __init__(
        self,
        database: Database,
        records: SqlSessionRecords,
        log: SessionLog,
        manager: SessionManager,
        *,
        audio: Path,
        retention_days: int | None,
    ) -> None:
        self.database = database
        self.history = SessionHistory(database)
        self.live = LiveHistory(self.history, RecordedVersions(log).version)
        self.audio = audio
        self.removal = Removal(manager, database, records, audio)
        self.retention = Retention(
            self.history,
            self.removal.remove,
            lambda: sweep_stored_audio(database, audio),
            lambda: manager.leads,
            clock=SystemClock(),
            options=RetentionOptions(days=retention_days),
        )
        self._removing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with retention."""
        self._removing = asyncio.create_task(self.retention.run(), name="retention")

    async def close(self) -> None:
        """Stop retention."""
        if self._removing is not None:
            self._removing.cancel()
            await asyncio.gather(self._removing, return_exceptions=True)

    async def error(self) -> str | None:
        """Return why the database cannot be reached; None if it can."""
        try:
            async with asyncio.timeout(ANSWER_S), self.database.read() as connection:
                await connection.exec_driver_sql("SELECT 1")
        except LiveTranslateError as error:
            return error.message
        except TimeoutError:
            return f"the database does not answer: silent for {ANSWER_S:g} s"
        return None
