"""What all live protocols of one process share."""

from __future__ import annotations

import msgspec

from livetranslate.domain.messages import Limits
from livetranslate.services.realtime.connections import Connections
from livetranslate.services.realtime.hub import Hub
from livetranslate.services.realtime.intake import Intakes
from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.services.realtime.outbox import Waiting
from livetranslate.sessions.log.base import SessionLog
from livetranslate.sessions.manager import SessionManager


class Edge:
    """The log, its manager, the hub and the connections.

    Attributes:
        options: Limits and times.
        log: Log of the installation's sessions.
        manager: Opens, feeds and ends sessions.
        hub: Fan-out of events.
        intakes: Fed sides of the sessions.
        connections: Live connections.
        waiting: What waits for all of them together.
        fed: Sessions that a connection of this process feeds.
    """

    def __init__(self, options: EdgeOptions, log: SessionLog, manager: SessionManager) -> None:
        self.options = options
        self.log = log
        self.manager = manager
        self.hub = Hub(log)
        self.intakes = Intakes(manager)
        self.fed: set[str] = set()
        self.connections = Connections(
            options.max_connections,
            idle_timeout_s=options.idle_timeout_s,
            shutdown_spread_s=options.shutdown_spread_s,
        )
        self.waiting = Waiting()

    @property
    def limits(self) -> Limits:
        """What ``connected`` tells."""
        return Limits(
            max_message_bytes=self.options.max_message_bytes,
            max_connections=self.options.max_connections,
            idle_timeout_s=self.options.idle_timeout_s,
            session_timeout_s=self.options.session_timeout_s,
            resume_window_s=self.options.resume_window_s,
            max_buffered_s=self.options.max_buffered_s,
        )

    def configure(self, options: EdgeOptions) -> None:
        """Take a new limit of connections; other limits hold from a restart on."""
        most = options.max_connections
        self.options = msgspec.structs.replace(self.options, max_connections=most)
        self.connections.limit(most)

    async def close(self, timeout_s: float = 5.0) -> None:
        """Send every connection away, then end all reading."""
        self.connections.close()
        await self.connections.drained(timeout_s)
        await self.hub.close()
