"""How far a host has got with its session, and what it leaves to the next one."""

from __future__ import annotations

from collections import deque

import msgspec

from livetranslate.asr.streaming import RecogniserState
from livetranslate.audio.enhancement.parameters import AudioParameters
from livetranslate.domain.session import SessionConfig, SessionStatistics
from livetranslate.sessions.host.enhancing import EnhancementState
from livetranslate.sessions.host.speaking import SpeakersState
from livetranslate.sessions.host.translating import Untranslated
from livetranslate.sessions.log.base import Checkpoint, EvidenceEntry, LogEntry, UpdateEntry


class HostState(msgspec.Struct, frozen=True, kw_only=True):
    """Content of a session's checkpoint.

    Attributes:
        taken: Position of the newest entry that was taken in.
        config: Configuration with all updates up to there.
        recogniser: Where recognition goes on.
        statistics: Totals so far.
        enhancement: Where the enhancement of the audio goes on.
        untranslated: Final segments whose translations are not written yet.
        speakers: Who speaks, and what is not told of it yet.
        audio: What listeners know to be done to the audio; None before the first of it.
    """

    taken: int
    config: SessionConfig
    recogniser: RecogniserState
    statistics: SessionStatistics
    enhancement: EnhancementState = EnhancementState()
    untranslated: tuple[Untranslated, ...] = ()
    speakers: SpeakersState = SpeakersState()
    audio: AudioParameters | None = None


_decoder = msgspec.msgpack.Decoder(HostState)


def read_state(checkpoint: Checkpoint | None) -> HostState | None:
    """Return what the previous host left, or None if there is nothing."""
    return _decoder.decode(checkpoint.state) if checkpoint and checkpoint.state else None


class Ledger:
    """Which log entries a checkpoint may pass: those whose audio nobody needs any more."""

    def __init__(self, position: int = -1) -> None:
        """Begin behind ``position``, the last entry that is not needed."""
        self._passed = position
        self._held: deque[tuple[int, int]] = deque()

    def take(self, entry: LogEntry, end: int) -> None:
        """Note an entry that was taken in.

        Args:
            entry: The entry.
            end: Sample after its last one; for an entry without audio the end so far.
        """
        applied = isinstance(entry, UpdateEntry | EvidenceEntry) and not self._held
        if applied:
            self._passed = entry.position
        else:
            self._held.append((entry.position, end))

    def pass_to(self, start: int) -> int:
        """Return the last position that is not needed if recognition goes on at ``start``."""
        while self._held and self._held[0][1] <= start:
            self._passed = self._held.popleft()[0]
        return self._passed
