"""A live session: its id, configuration, states and what it leaves behind."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

import msgspec

from livetranslate.domain.audio import Encoding
from livetranslate.domain.errors import Conflict, InvalidInput

SESSION_ID_PATTERN = re.compile(r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,128}$")
"""``.`` and ``..`` would mean folders where stored audio is kept."""
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
LANGUAGE_PATTERN = re.compile(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")


class SessionStatus(str, Enum):
    """The states of a session, as the database keeps them."""

    INITIALIZING = "initializing"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"

    def to(self, new: SessionStatus) -> SessionStatus:
        """Return ``new`` if it may follow this state; raises Conflict otherwise."""
        if new is not self and new not in _STATUS_TRANSITIONS[self]:
            raise Conflict(f"a session that is {self.value} cannot become {new.value}")
        return new


_STATUS_TRANSITIONS: dict[SessionStatus, frozenset[SessionStatus]] = {
    SessionStatus.INITIALIZING: frozenset(
        {SessionStatus.ACTIVE, SessionStatus.COMPLETED, SessionStatus.FAILED}
    ),
    SessionStatus.ACTIVE: frozenset({SessionStatus.COMPLETED, SessionStatus.FAILED}),
    SessionStatus.COMPLETED: frozenset(),
    SessionStatus.FAILED: frozenset(),
}


class EndReason(str, Enum):
    """Why a session ended."""

    CLIENT_ENDED = "client_ended"
    DISCONNECTED = "disconnected"
    EXPIRED = "expired"
    LIMIT = "limit"
    DELETED = "deleted"
    FAILED = "failed"


class Task(str, Enum):
    """What the recogniser writes down: the language spoken, or English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


class PolicyName(str, Enum):
    """Streaming policies by name."""

    ALIGNATT = "alignatt"
    LOCAL_AGREEMENT = "local_agreement"


class SessionConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a client asks of a session; every field has a default.

    Attributes:
        model: Model name or directory; None takes the installation's default.
        engine: Speech engine name, or None for ``auto``.
        language: ISO 639-1 code, or ``auto``.
        target_languages: Codes that final and preview text is translated into.
        task: Transcribe, or Whisper's own translation into English.
        policy: Streaming policy; None takes the default of the engine.
        sample_rate: Hz of raw encodings, 8000-48000.
        encoding: Wire encoding of the audio chunks.
        diarization: Whether speakers are to be told apart.
        vad: Whether voice activity gates the recogniser.
        preset: Name of an audio preset.
        context: Free text on what the session is about; shapes recognition and translation.
        glossary: Source term → target term, enforced in translations.
        metadata: Kept with the session, never interpreted.
    """

    model: str | None = None
    engine: str | None = None
    language: str = "auto"
    target_languages: tuple[str, ...] = ()
    task: Task = Task.TRANSCRIBE
    policy: PolicyName | None = None
    sample_rate: int = 16_000
    encoding: Encoding = Encoding.PCM_S16LE
    diarization: bool = False
    vad: bool = True
    preset: str | None = None
    context: str | None = None
    glossary: dict[str, str] = {}
    metadata: dict[str, Any] = {}


class ConfigUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The delta of an ``update_session``: unset fields stay as they are.

    The fields behind ``glossary`` are fixed when a session starts: an update that names them with
    another value is told that they need a new session.
    """

    language: str | msgspec.UnsetType = msgspec.UNSET
    target_languages: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    preset: str | None | msgspec.UnsetType = msgspec.UNSET
    context: str | None | msgspec.UnsetType = msgspec.UNSET
    glossary: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    model: Any = msgspec.UNSET
    engine: Any = msgspec.UNSET
    task: Any = msgspec.UNSET
    policy: Any = msgspec.UNSET
    sample_rate: Any = msgspec.UNSET
    encoding: Any = msgspec.UNSET
    diarization: Any = msgspec.UNSET
    vad: Any = msgspec.UNSET
    metadata: Any = msgspec.UNSET

    def changes(self) -> dict[str, Any]:
        """Return the fields that are set and that a running session can change."""
        return {
            name: value
            for name in self.__struct_fields__
            if name not in FIXED and (value := getattr(self, name)) is not msgspec.UNSET
        }

    def fixed(self, config: SessionConfig) -> tuple[str, ...]:
        """Return the fields that are set to something else and need a new session for it."""
        return tuple(
            name
            for name in FIXED
            if (value := getattr(self, name)) is not msgspec.UNSET
            and value != msgspec.to_builtins(getattr(config, name))
        )

    def changeable(self) -> ConfigUpdate:
        """Return the part that a running session can change."""
        return ConfigUpdate(**self.changes())

    def apply(self, config: SessionConfig) -> SessionConfig:
        """Return ``config`` with this delta applied."""
        return msgspec.structs.replace(config, **self.changes())


FIXED = (
    *("model", "engine", "task", "policy", "sample_rate", "encoding", "diarization", "vad"),
    "metadata",
)
"""Fields of a session's configuration that stay as they were at its start."""


class AppliedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration as a session really runs with it.

    Attributes:
        config: What was asked for, completed with defaults.
        engine: Speech engine at work.
        engine_reason: Why this engine was chosen, and how to get a better one.
        model: Model at work.
        device: ``cpu`` or ``cuda``.
        compute_type: Numeric type the model computes in.
        policy: Streaming policy at work.
        worker_id: Worker that recognises the session.
    """

    config: SessionConfig
    engine: str
    engine_reason: str
    model: str
    device: str
    compute_type: str
    policy: PolicyName
    worker_id: str | None = None


class SessionStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of a session, told in ``session_ended``.

    Attributes:
        audio_s: Seconds of audio taken.
        speech_s: Seconds of it with speech.
        chunks: Audio chunks taken.
        segments: Final segments.
        words: Committed words.
        translations: Final translations.
        inference_s: Seconds the engine computed for this session.
    """

    audio_s: float = 0.0
    speech_s: float = 0.0
    chunks: int = 0
    segments: int = 0
    words: int = 0
    translations: int = 0
    inference_s: float = 0.0


def new_session_id(unix_s: int, entropy: bytes) -> str:
    """Return ``session-{unix seconds}-{8 base36 characters}`` from at least 8 random bytes."""
    value = int.from_bytes(entropy[:8], "big")
    digits: list[str] = []
    for _ in range(8):
        value, digit = divmod(value, 36)
        digits.append(BASE36[digit])
    return f"session-{unix_s}-{''.join(digits)}"


def check_session_id(session_id: str) -> str:
    """Return the id if it is well-formed; raises InvalidInput otherwise."""
    if not SESSION_ID_PATTERN.fullmatch(session_id):
        raise InvalidInput(
            "a session id has 1-128 letters, digits, '_', '.' or '-', and is not '.' or '..'",
            field="session_id",
        )
    return session_id


def check_config(config: SessionConfig) -> SessionConfig:
    """Return the configuration if its values are in range; raises InvalidInput naming the field."""
    if not 8_000 <= config.sample_rate <= 48_000:
        raise InvalidInput(
            f"sample_rate {config.sample_rate} is outside 8000-48000 Hz",
            field="config.sample_rate",
        )
    check_languages(config.language, config.target_languages)
    return config


def check_languages(language: str, targets: tuple[str, ...]) -> None:
    """Raise InvalidInput if a code is not of the form of ISO 639 (``auto`` is a source only)."""
    if language != "auto" and not LANGUAGE_PATTERN.fullmatch(language):
        raise InvalidInput(
            f"language {language!r} is neither 'auto' nor a code such as 'en'",
            field="config.language",
        )
    for target in targets:
        if not LANGUAGE_PATTERN.fullmatch(target):
            raise InvalidInput(
                f"target language {target!r} is not a code such as 'es'",
                field="config.target_languages",
            )
