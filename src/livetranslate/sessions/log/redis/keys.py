"""Keys and scripts of one session."""

from __future__ import annotations

from typing import Any

from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import Argument, RedisConnection
from livetranslate.sessions.redis.scripts import Script
from livetranslate.sessions.redis.waiting import Waiting

PARTS = ("state", "entries", "events", "previews", "configs")
NAMES = (
    *("create", "offered", "reoffered", "append_audio", "append_update", "append_end"),
    *("read_entries", "read_events", "take", "touch", "release", "append_events"),
    *("append_system_events", "attach", "attend", "detach", "note_recorded", "keep_alive"),
    *("state", "delete", "append_evidence"),
)
_SCRIPTS = {name: Script(__package__ or "", name) for name in NAMES}


class SessionKeys:
    """Access to the sessions of one queue.

    Args:
        connection: The way to Redis.
        channels: Wake-up calls; a part of a session that changed is called by its key.
        prefix: Name of the queue.
    """

    def __init__(self, connection: RedisConnection, channels: Channels, prefix: str) -> None:
        self._connection = connection
        self._channels = channels
        self._prefix = prefix

    def of(self, session_id: str) -> list[str]:
        """Return a session's keys, in the order in which scripts take them."""
        return [self._key(session_id, part) for part in PARTS]

    async def run(self, name: str, session_id: str, *arguments: Argument) -> Any:
        """Run a script on a session; the first of its answers is a word in bytes."""
        return await self._connection.script(_SCRIPTS[name], self.of(session_id), arguments)

    def waiting(self, session_id: str, part: str) -> Waiting:
        """Return what waits for a part of a session to change."""
        return Waiting(self._channels, self._key(session_id, part))

    def _key(self, session_id: str, part: str) -> str:
        return f"{self._prefix}:{{{session_id}}}:{part}"
