"""A session's audio with its voice activity: the one bounded buffer, cut into utterances."""

from __future__ import annotations

from collections import deque

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.asr.engine import Samples
from livetranslate.asr.vad import FRAME, Boundary, Endpointer, SileroVad, VadOptions, VoiceState
from livetranslate.domain.audio import SAMPLE_RATE


def as_float(pcm: NDArray[np.int16]) -> Samples:
    """Return 16-bit samples as float32 in [-1, 1)."""
    return pcm.astype(np.float32) / 32768.0


class Utterance(msgspec.Struct):
    """Speech between two pauses, in samples of the session.

    Attributes:
        start: First sample, padding included.
        end: Sample after the last one, padding included; None while it goes on.
    """

    start: int
    end: int | None = None


class VoiceTrack:
    """Buffer of samples, speech probabilities and utterances of one session.

    Audio outside of utterances is kept only as padding before the next one; audio inside is kept
    until ``drop`` or ``close``.
    """

    def __init__(self, options: VadOptions, *, gate: bool, start: int = 0) -> None:
        """Begin at sample ``start``; without ``gate`` everything counts as speech."""
        self._options = options
        self._gate = gate
        self._padding = int(options.padding_s * SAMPLE_RATE)
        self._first = start
        self._blocks: NDArray[np.int16] = np.zeros(0, dtype=np.int16)
        self._vad = SileroVad()
        self._endpointer = Endpointer(options, start=start)
        self._frames_from = start
        self._speech: deque[bool] = deque()
        self._utterances: deque[Utterance] = deque()
        self._finished = False
        self.speech_samples = 0

    @property
    def end(self) -> int:
        """Sample after the last one taken."""
        return self._first + len(self._blocks)

    @property
    def spoken_to(self) -> int:
        """Sample up to which the newest utterance is worth decoding: its speech and padding."""
        return min(self.end, self._endpointer.last_speech + self._padding)

    @property
    def buffered(self) -> int:
        """Samples in the buffer."""
        return len(self._blocks)

    @property
    def current(self) -> Utterance | None:
        """The oldest utterance that is not closed."""
        return self._utterances[0] if self._utterances else None

    def reopen(self, start: int) -> None:
        """Go on inside an utterance that began before ``start``."""
        self._utterances.append(Utterance(start))
        self._endpointer.state = VoiceState.SPEECH

    def accept(self, pcm: NDArray[np.int16]) -> deque[bool]:
        """Take samples; return the changes to speech (True) or silence (False), in order."""
        self._blocks = np.concatenate([self._blocks, pcm])
        changes: deque[bool] = deque()
        for probability in self._vad.accept(as_float(pcm)):
            value = float(probability) if self._gate else 1.0
            voiced = value >= self._options.release
            self._speech.append(voiced)
            self.speech_samples += FRAME * voiced
            boundary = self._endpointer.accept(value)
            if boundary is not None:
                self._turn(boundary)
                changes.append(boundary.state is VoiceState.SPEECH)
        self._forget()
        return changes

    def finish(self) -> None:
        """No more audio follows: the last utterance ends here."""
        self._finished = True
        if not self._utterances and self.end > self._first and self._heard_anything():
            self._utterances.append(Utterance(self._first))
        if self._utterances and self._utterances[-1].end is None:
            self._utterances[-1].end = self.end

    def audio(self, start: int, end: int) -> Samples:
        """Return the samples from ``start`` to ``end`` as float32 in [-1, 1]."""
        cut = self._blocks[max(start - self._first, 0) : max(end - self._first, 0)]
        return as_float(cut)

    def has_speech(self, start_s: float, end_s: float) -> bool:
        """Return whether any frame between two session times, with some margin, held speech."""
        margin = 0.2
        begin = int(((start_s - margin) * SAMPLE_RATE - self._frames_from) // FRAME)
        end = int(((end_s + margin) * SAMPLE_RATE - self._frames_from) // FRAME) + 1
        frames = [self._speech[i] for i in range(max(begin, 0), min(end, len(self._speech)))]
        return any(frames) or not frames

    def drop(self, before: int) -> None:
        """Let samples before ``before`` go."""
        count = min(max(before - self._first, 0), len(self._blocks))
        self._blocks = self._blocks[count:].copy()
        self._first += count
        while self._speech and self._frames_from + FRAME <= self._first:
            self._speech.popleft()
            self._frames_from += FRAME

    def close(self) -> None:
        """End the current utterance: it is recognised."""
        done = self._utterances.popleft()
        if self._utterances:
            self.drop(self._utterances[0].start)
        elif done.end is not None:
            self.drop(min(done.end, self.end - self._padding))
            self._forget()

    def resume_point(self, window: int) -> int:
        """Return the sample from which audio must be fed again if another takes over."""
        if self._utterances:
            return max(window, self._utterances[0].start)
        return max(self._first, self.end - self._padding - FRAME)

    def _heard_anything(self) -> bool:
        return not self._gate or any(self._speech)

    def _turn(self, boundary: Boundary) -> None:
        if boundary.state is VoiceState.SPEECH:
            earliest = self._first
            if self._utterances:
                earliest = max(earliest, self._utterances[-1].end or earliest)
            self._utterances.append(Utterance(max(earliest, boundary.at - self._padding)))
        elif self._utterances:
            self._utterances[-1].end = min(self.end, boundary.at + self._padding)

    def _forget(self) -> None:
        """Outside of utterances keep only the padding, and what a beginning may need."""
        if not self._utterances:
            begin = self._options.min_speech_s + 2 * FRAME / SAMPLE_RATE
            self.drop(self.end - self._padding - int(begin * SAMPLE_RATE))
