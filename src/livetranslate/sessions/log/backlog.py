"""What a session brought that no checkpoint has passed: positions, seconds, room for more."""

from __future__ import annotations

from livetranslate.domain.audio import AudioChunk, seconds
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerEvidence
from livetranslate.sessions.log.base import (
    AudioEntry,
    Checkpoint,
    EndEntry,
    EvidenceEntry,
    LogEntry,
    LogOptions,
    UpdateEntry,
)


class Backlog:
    """The entries of one session, from its checkpoint on.

    Attributes:
        samples: Samples taken so far.
        next_seq: Chunk expected next.
        config: Configuration in force at the checkpoint.
        checkpoint: The newest one, or None.
        attempts: Claims since an entry was processed for the first time.
    """

    def __init__(self, config: SessionConfig, options: LogOptions) -> None:
        self.samples = 0
        self.next_seq = 0
        self.config = config
        self.checkpoint: Checkpoint | None = None
        self.attempts = 0
        self._options = options
        self._entries: list[LogEntry] = []
        self._first = 0
        self._processed = -1
        self._furthest = -1
        self._dropped_samples = 0
        self._processed_samples = 0

    @property
    def buffered_s(self) -> float:
        """Seconds of audio that no worker has processed yet."""
        return seconds(self.samples - self._processed_samples)

    @property
    def full(self) -> bool:
        """Whether a feeder has to wait."""
        limit_s = self._options.max_backlog_s
        return (
            self.buffered_s >= limit_s
            or seconds(self.samples - self._dropped_samples) >= 2 * limit_s
            or len(self._entries) >= self._options.max_entries
        )

    @property
    def positions(self) -> tuple[int, int]:
        """The first position kept and the last one taken."""
        return self._first, self._first + len(self._entries) - 1

    def add_audio(self, pcm: bytes) -> None:
        """Take the next chunk."""
        chunk = AudioChunk(self.next_seq, self.samples, pcm)
        self._entries.append(AudioEntry(self._next, chunk))
        self.samples += chunk.samples
        self.next_seq += 1

    def add_update(self, update: ConfigUpdate) -> None:
        """Take a change of the configuration."""
        self._entries.append(UpdateEntry(self._next, update))

    def add_evidence(self, evidence: SpeakerEvidence) -> None:
        """Take a hint at who somebody is."""
        self._entries.append(EvidenceEntry(self._next, evidence))

    def add_end(self, reason: EndReason) -> None:
        """Take the end."""
        self._entries.append(EndEntry(self._next, reason))

    def after(self, position: int, limit: int) -> list[LogEntry]:
        """Return at most ``limit`` kept entries behind a position."""
        first = max(0, position + 1 - self._first)
        return self._entries[first : first + limit]

    def restart(self) -> None:
        """Let another worker begin behind the checkpoint."""
        self._processed = self._first - 1
        self._processed_samples = self._dropped_samples
        self.attempts += 1

    def admits(self, checkpoint: Checkpoint | None, processed: int | None) -> bool:
        """Return whether this progress is possible: it leads neither back nor beyond the end."""
        first, last = self.positions
        if checkpoint is not None and not first - 1 <= checkpoint.position <= last:
            return False
        return processed is None or processed <= last

    def advance(self, checkpoint: Checkpoint | None, processed: int | None) -> None:
        """Note a worker's progress, and drop what its checkpoint has passed."""
        reached = self._processed if processed is None else processed
        if checkpoint is not None:
            reached = max(reached, checkpoint.position)
        if reached > self._processed:
            self._processed_samples = self._samples_to(reached)
            self._processed = reached
        if reached > self._furthest:
            self._furthest = reached
            self.attempts = 0
        if checkpoint is not None:
            self._pass(checkpoint)

    def clear(self) -> None:
        """Drop everything: nobody will process anything any more."""
        self._first = self._next
        self._entries = []
        self._processed_samples = self._dropped_samples = self.samples
        self.checkpoint = None

    @property
    def _next(self) -> int:
        return self._first + len(self._entries)

    def _samples_to(self, position: int) -> int:
        """Return how many samples there are up to and including a position."""
        for index in range(position - self._first, -1, -1):
            entry = self._entries[index]
            if isinstance(entry, AudioEntry):
                return entry.chunk.end
        return self._dropped_samples

    def _pass(self, checkpoint: Checkpoint) -> None:
        self._dropped_samples = self._samples_to(checkpoint.position)
        passed = checkpoint.position + 1 - self._first
        for entry in self._entries[:passed]:
            if isinstance(entry, UpdateEntry):
                self.config = entry.update.apply(self.config)
        del self._entries[:passed]
        self._first = checkpoint.position + 1
        self.checkpoint = checkpoint
