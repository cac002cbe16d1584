"""What of a session's segments is translated next, for one language. Pure: time is passed in.

Final segments wait in order and are all translated. A preview is worth something only until the
next one of its segment: of each segment only the newest waits, and previews go out at most every
``preview_interval_s``, and only while no final waits.
"""

from __future__ import annotations

from collections import deque

import msgspec

from livetranslate.domain.events import TranscriptionResult


class SegmentOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the translation of a stream of segments.

    Attributes:
        preview_interval_s: Seconds between two previews of a language at least.
        max_finals: Final segments that may wait for a language; overflow policy: block the feeder.
        max_previews: Segments whose preview may wait; overflow policy: drop the oldest.
        context_segments: Final segments before a text that are given as its context.
        context_chars: Characters of them at most.
    """

    preview_interval_s: float = 0.4
    max_finals: int = 256
    max_previews: int = 8
    context_segments: int = 3
    context_chars: int = 400


class SegmentJob(msgspec.Struct, frozen=True):
    """A segment to translate, with what was said before it and the terms it must keep to."""

    segment: TranscriptionResult
    context: str
    glossary: dict[str, str] = {}


class SegmentQueue:
    """The segments that wait for translation into one language."""

    def __init__(self, options: SegmentOptions) -> None:
        self._options = options
        self._finals: deque[SegmentJob] = deque()
        self._previews: dict[str, SegmentJob] = {}
        self._last_preview_at: float | None = None
        self._previewed: dict[str, str] = {}
        self._ended: set[str] = set()

    @property
    def finals(self) -> int:
        """Number of final segments that wait."""
        return len(self._finals)

    @property
    def is_full(self) -> bool:
        """Whether no more final segment may be put."""
        return len(self._finals) >= self._options.max_finals

    def put(self, job: SegmentJob) -> None:
        """Take the newest state of a segment; one that is final already stays as it is."""
        segment = job.segment
        name = segment.segment_id
        if name in self._ended:
            return
        self._previews.pop(name, None)
        if segment.is_final:
            self._ended.add(name)
            self._previewed.pop(name, None)
            self._finals.append(job)
        elif segment.text.strip() and self._previewed.get(name) != segment.text:
            self._previews[name] = job
            while len(self._previews) > self._options.max_previews:
                del self._previews[next(iter(self._previews))]

    def take(self, now: float) -> SegmentJob | None:
        """Return what is to be translated at ``now`` (steady seconds), or None."""
        if self._finals:
            return self._finals.popleft()
        if self.wait_s(now) != 0:
            return None
        name, job = self._previews.popitem()
        self._last_preview_at = now
        self._previewed[name] = job.segment.text
        return job

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until ``take`` has something; None if nothing waits."""
        if self._finals:
            return 0.0
        if not self._previews:
            return None
        if self._last_preview_at is None:
            return 0.0
        return max(0.0, self._last_preview_at + self._options.preview_interval_s - now)

    def is_stale(self, job: SegmentJob) -> bool:
        """Return whether a preview has been overtaken by its segment's final state."""
        return not job.segment.is_final and job.segment.segment_id in self._ended

    def drop_previews(self) -> None:
        """Forget every preview that waits."""
        self._previews.clear()
