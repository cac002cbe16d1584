"""How a session's entries, events and state are written in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from operator import attrgetter
from typing import Any

import msgspec

from livetranslate.domain.audio import BYTES_PER_SAMPLE, AudioChunk, seconds
from livetranslate.domain.events import SessionEvent, is_preview, preview_key
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerEvidence
from livetranslate.sessions.log.base import (
    AudioEntry,
    EndEntry,
    EvidenceEntry,
    LogEntry,
    SessionState,
    UpdateEntry,
)

STATE_FIELDS = (
    *("kind", "created_at", "config", "next_seq", "samples", "processed_samples", "last_event"),
    *("worker", "epoch", "attempts", "ending", "phase", "active_at", "feeder", "attended_at"),
    *("ending_at", "recorded", "recorder_at", "ended_at", "entry", "version"),
)
"""Fields of the hash that a ``StoredState`` is made of, in order."""
KNOWN_CONFIGS = 256

_encoder = msgspec.msgpack.Encoder()
_event_decoder = msgspec.msgpack.Decoder(SessionEvent)
_config_decoder = msgspec.msgpack.Decoder(SessionConfig)
_update_decoder = msgspec.msgpack.Decoder(ConfigUpdate)
_evidence_decoder = msgspec.msgpack.Decoder(SpeakerEvidence)
_known_configs: dict[bytes, SessionConfig] = {}
_event_id = attrgetter("event_id")


def encode(value: ConfigUpdate | SessionConfig | SpeakerEvidence) -> bytes:
    """Return a configuration, a change of one, or evidence, as it is kept."""
    return _encoder.encode(value)


def decode_config(data: bytes) -> SessionConfig:
    """Return a configuration; the same bytes give the same object."""
    config = _known_configs.get(data)
    if config is None:
        if len(_known_configs) >= KNOWN_CONFIGS:
            _known_configs.clear()
        config = _known_configs[data] = _config_decoder.decode(data)
    return config


def encode_events(events: Sequence[SessionEvent]) -> list[str | bytes]:
    """Return events as the scripts take them: preview key, whether one, event."""
    arguments: list[str | bytes] = []
    for event in events:
        key = "\x1f".join(preview_key(event) or ())
        arguments += (key, "1" if key and is_preview(event) else "0", _encoder.encode(event))
    return arguments


def decode_events(
    finals: Sequence[Any], previews: Sequence[bytes], limit: int
) -> list[SessionEvent]:
    """Return the first ``limit`` of final events and previews, in the order of their numbers."""
    kept = [_numbered(entry[0].partition(b"-")[0], entry[1][1]) for entry in finals]
    shown: list[SessionEvent] = []
    for held in previews:
        number, _, data = held.partition(b":")
        shown.append(_numbered(number, data))
    shown.sort(key=_event_id)
    return list(merge(kept, shown, key=_event_id))[:limit] if shown else kept


def decode_entries(found: Sequence[Any]) -> list[LogEntry]:
    """Return log entries from a stream's."""
    return [_entry(int(stream_id.partition(b"-")[0]) - 1, fields) for stream_id, fields in found]


class StoredState(msgspec.Struct, frozen=True, kw_only=True):
    """A session's state, with what only the log itself needs.

    Attributes:
        state: What is told.
        ended_s: Seconds since the session ended; 0 before.
        age_s: Seconds since it was created.
        entry: Its entry in the queue, or "" before that is known.
        version: Counts the changes of its configuration.
    """

    state: SessionState
    ended_s: float
    age_s: float
    entry: str
    version: int


def decode_state(session_id: str, now_ms: int, values: Sequence[bytes]) -> StoredState:
    """Return a session's state from the values of ``STATE_FIELDS``."""
    found = dict(zip(STATE_FIELDS, values, strict=True))

    def since(field: str) -> float:
        return max(0.0, (now_ms - int(found[field])) / 1000)

    phase, ending = found["phase"], found["ending"]
    ended = phase == b"ended"
    state = SessionState(
        session_id=session_id,
        kind=found["kind"].decode(),
        created_at=int(found["created_at"]) / 1000,
        config=decode_config(found["config"]),
        next_seq=int(found["next_seq"]),
        samples=int(found["samples"]),
        buffered_s=seconds(int(found["samples"]) - int(found["processed_samples"])),
        last_event_id=int(found["last_event"]),
        worker_id=found["worker"].decode() or None,
        epoch=int(found["epoch"]),
        attempts=int(found["attempts"]),
        ending=EndReason(ending.decode()) if ending else None,
        ended=ended,
        idle_s=since("active_at"),
        feeder=found["feeder"].decode() or None,
        vacant_s=since("attended_at"),
        ending_s=since("ending_at") if ending else 0.0,
        recorded=int(found["recorded"]),
        recorder_s=since("recorder_at"),
    )
    return StoredState(
        state=state,
        ended_s=since("ended_at") if ended else 0.0,
        age_s=since("created_at"),
        entry=found["entry"].decode(),
        version=int(found["version"]),
    )


def _numbered(number: bytes, data: bytes) -> SessionEvent:
    return msgspec.structs.replace(_event_decoder.decode(data), event_id=int(number))


def _entry(position: int, fields: Sequence[bytes]) -> LogEntry:
    kind, seq, end, data = fields[1], fields[3], fields[5], fields[7]
    if kind == b"a":
        start = int(end) - len(data) // BYTES_PER_SAMPLE
        return AudioEntry(position, AudioChunk(int(seq), start, data))
    if kind == b"u":
        return UpdateEntry(position, _update_decoder.decode(data))
    if kind == b"s":
        return EvidenceEntry(position, _evidence_decoder.decode(data))
    return EndEntry(position, EndReason(data.decode()))
