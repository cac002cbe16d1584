"""A process that writes a session's events to a database until it is killed.

Run as ``python -m support.killed_writer URL FILE``; tells each portion it is done with on stdout.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.events import SessionEvent
from livetranslate.storage.database import Database
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords


async def write(url: str, portions: list[list[SessionEvent]]) -> None:
    """Write all portions in order, again where the database was away, as the recorder does."""
    records = SqlSessionRecords(Database(DatabaseOptions(url=url)))
    for portion in portions:
        while True:
            try:
                await records.record(portion[0].session_id, portion)
                break
            except BackendUnavailable:
                await asyncio.sleep(0.01)
        print("done", flush=True)


if __name__ == "__main__":
    read = msgspec.msgpack.decode(Path(sys.argv[2]).read_bytes(), type=list[list[SessionEvent]])
    asyncio.run(write(sys.argv[1], read))
