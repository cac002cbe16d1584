"""Messages of the native WebSocket that are no session events, both ways."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from livetranslate.domain.session import AppliedConfig, ConfigUpdate, SessionConfig


class Service(str, Enum):
    """What a connection can subscribe to."""

    WHISPER = "whisper"
    TRANSLATION = "translation"
    HEALTH = "health"
    CONNECTIONS = "connections"
    GATEWAY = "gateway"
    WORKERS = "workers"
    QUEUE = "queue"
    BOTS = "bots"
    LOGS = "logs"
    ALERTS = "alerts"
    METRICS = "metrics"


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all messages."""


class Authenticate(Message, frozen=True, kw_only=True, tag="authenticate"):
    """Credentials, first on the connection where authentication is on."""

    ticket: str | None = None
    api_key: str | None = None


class StartSession(Message, frozen=True, kw_only=True, tag="start_session"):
    """Open a session that this connection feeds."""

    session_id: str | None = None
    config: SessionConfig = SessionConfig()


class JoinSession(Message, frozen=True, kw_only=True, tag="join_session"):
    """Listen to a session that another connection feeds."""

    session_id: str
    history: bool = True


class LeaveSession(Message, frozen=True, kw_only=True, tag="leave_session"):
    """Stop listening."""

    session_id: str


class AudioMessage(Message, frozen=True, kw_only=True, tag="audio_chunk"):
    """Audio as base64, for clients that cannot send binary frames."""

    audio: str
    session_id: str | None = None
    seq: int | None = None
    timestamp: float | str | None = None


class UpdateSession(Message, frozen=True, kw_only=True, tag="update_session"):
    """Change a session from here on."""

    session_id: str
    config: ConfigUpdate


class ResumeSession(Message, frozen=True, kw_only=True, tag="resume_session"):
    """Feed a session again after a lost connection; takes it over from any other feeder."""

    session_id: str
    last_seq: int = -1
    last_event_id: int = 0


class EndSession(Message, frozen=True, kw_only=True, tag="end_session"):
    """Flush, send what is final, end."""

    session_id: str


class Subscribe(Message, frozen=True, kw_only=True, tag="subscribe"):
    """Get a service's events."""

    service: Service


class Unsubscribe(Message, frozen=True, kw_only=True, tag="unsubscribe"):
    """Get them no more."""

    service: Service


class Heartbeat(Message, frozen=True, kw_only=True, tag="heartbeat"):
    """Answered with the same; the server's time is ISO 8601, a client may bring anything."""

    timestamp: float | str | None = None


ClientMessage = (
    Authenticate
    | StartSession
    | JoinSession
    | LeaveSession
    | AudioMessage
    | UpdateSession
    | ResumeSession
    | EndSession
    | Subscribe
    | Unsubscribe
    | Heartbeat
)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may do; told in ``connected``."""

    max_message_bytes: int
    max_connections: int
    idle_timeout_s: float
    session_timeout_s: float
    resume_window_s: float
    max_buffered_s: float


class Connected(Message, frozen=True, kw_only=True, tag="connected"):
    """First message of every connection."""

    connection_id: str
    server_version: str
    limits: Limits


class SessionJoined(Message, frozen=True, kw_only=True, tag="session_joined"):
    """The connection listens now; the session's present state follows unless history is off.

    Attributes:
        event_id: Newest event of the session.
        config: As applied; None while the session waits for a worker.
    """

    session_id: str
    timestamp: datetime
    event_id: int
    config: AppliedConfig | None


class SessionLeft(Message, frozen=True, kw_only=True, tag="session_left"):
    """The connection listens no more."""

    session_id: str
    timestamp: datetime


class SessionResumed(Message, frozen=True, kw_only=True, tag="session_resumed"):
    """The connection feeds the session again; missed events follow.

    Attributes:
        next_seq: Chunk that the log expects next.
        event_id: Newest event of the session.
    """

    session_id: str
    timestamp: datetime
    event_id: int
    next_seq: int
    config: AppliedConfig | None


class AudioAck(Message, frozen=True, kw_only=True, tag="audio_ack"):
    """Everything up to ``seq`` is safe; ``buffered_s`` seconds wait to be recognised."""

    session_id: str
    seq: int
    buffered_s: float


class SlowDown(Message, frozen=True, kw_only=True, tag="slow_down"):
    """Audio is ahead of what should be buffered; what was acknowledged is still safe."""

    session_id: str
    retry_after_s: float
    buffered_s: float


class ErrorMessage(Message, frozen=True, kw_only=True, tag="error"):
    """Something this connection sent or needs went wrong."""

    code: str
    message: str
    fatal: bool = False
    field: str | None = None
    retry_after_s: float | None = None
    session_id: str | None = None
    expected_seq: int | None = None


class Subscribed(Message, frozen=True, kw_only=True, tag="subscribed"):
    """The subscription is in force."""

    service: Service


class Unsubscribed(Message, frozen=True, kw_only=True, tag="unsubscribed"):
    """The subscription has ended."""

    service: Service


class ServiceEvent(Message, frozen=True, kw_only=True, tag="service_event"):
    """News of a subscribed service."""

    service: Service
    data: dict[str, Any]


ConnectionMessage = (
    Connected
    | SessionJoined
    | SessionLeft
    | SessionResumed
    | AudioAck
    | SlowDown
    | ErrorMessage
    | Subscribed
    | Unsubscribed
    | ServiceEvent
    | Heartbeat
)
