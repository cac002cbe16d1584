"""What the load tool is told, and how it is divided among processes."""

from __future__ import annotations

import msgspec


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A load.

    Attributes:
        url: ``/ws`` of the installation.
        api_key: Credential, where the server asks for one.
        connections: Connections that are opened and left idle.
        sessions: Live sessions, fed in real time.
        listeners: Further connections that listen to each session.
        duration_s: Seconds for which sessions are fed, from the end of the ramp.
        ramp_s: Seconds over which connections and sessions are opened.
        chunk_ms: Milliseconds of audio a chunk.
        speech: Folder of recordings; None for made-up speech.
        engine: Speech engine the sessions ask for; None leaves the choice to the server.
        language: Language the sessions ask for.
        targets: Languages the sessions want translations in.
        drain_s: Seconds that sessions have to end.
    """

    url: str
    api_key: str | None = None
    connections: int = 0
    sessions: int = 1
    listeners: int = 0
    duration_s: float = 60.0
    ramp_s: float = 5.0
    chunk_ms: int = 100
    speech: str | None = None
    engine: str | None = None
    language: str = "en"
    targets: tuple[str, ...] = ()
    drain_s: float = 60.0


class Share(msgspec.Struct, frozen=True):
    """The part of a load that one process makes.

    Attributes:
        index: Number of the process, from 0.
        connections: Its idle connections.
        sessions: Its sessions.
    """

    index: int
    connections: int
    sessions: int


def shares(options: LoadOptions, processes: int) -> list[Share]:
    """Divide a load evenly."""
    return [
        Share(
            index,
            _part(options.connections, processes, index),
            _part(options.sessions, processes, index),
        )
        for index in range(processes)
    ]


def _part(count: int, parts: int, index: int) -> int:
    return count * (index + 1) // parts - count * index // parts
