"""A session's audio with its voice activity: the one bounded buffer, cut into utterances."""

from __future__ import annotations

from collections import deque

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.asr.engine import Samples
from livetranslate.asr.vad import (
    FRAME,
    Boundary,
    Endpointer,
    EndpointerState,
    SileroVad,
    VadOptions,
    VoiceState,
)
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


class TrackState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a track knows besides the samples themselves.

    Attributes:
        heard: Sample after the last one whose speech is judged.
        network: State of the voice activity network.
        endpointer: State of the endpointing.
        frames_from: First sample of the oldest frame in ``frames``.
        frames: For each frame kept 1 if it holds speech, else 0.
        utterances: Begin and end of each that is not closed.
        speech_samples: Samples with speech so far.
    """

    heard: int = 0
    network: bytes = b""
    endpointer: EndpointerState = EndpointerState()
    frames_from: int = 0
    frames: bytes = b""
    utterances: tuple[tuple[int, int | None], ...] = ()
    speech_samples: int = 0


class VoiceTrack:
    """Buffer of samples, speech probabilities and utterances of one session.

    Audio outside of utterances is kept only as padding before the next one; audio inside is kept
    until ``drop`` or ``close``.

    Args:
        options: How speech is told from silence.
        gate: False lets everything count as speech.
        start: Sample that comes first.
        state: Where another track had got to. What it has heard is taken in again from ``start``,
            but not judged again, so that this track goes on as that one would have.
    """

    def __init__(
        self,
        options: VadOptions,
        *,
        gate: bool,
        start: int = 0,
        state: TrackState | None = None,
    ) -> None:
        state = state or TrackState()
        self._options = options
        self._gate = gate
        self._padding = int(options.padding_s * SAMPLE_RATE)
        self._first = start
        self._blocks: NDArray[np.int16] = np.zeros(0, dtype=np.int16)
        self._heard = state.heard
        self._vad = SileroVad(state.network)
        self._endpointer = Endpointer(options, state.endpointer)
        self._frames_from = state.frames_from
        self._speech: deque[bool] = deque(bool(frame) for frame in state.frames)
        self._utterances: deque[Utterance] = deque(Utterance(*each) for each in state.utterances)
        self.speech_samples = state.speech_samples

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

    @property
    def catching_up(self) -> bool:
        """Whether audio that was heard before is still to come again."""
        return self.end < self._heard

    def state(self) -> TrackState:
        """Return all that another track needs besides the samples from ``resume_point`` on."""
        return TrackState(
            heard=self._heard,
            network=self._vad.state(),
            endpointer=self._endpointer.state(),
            frames_from=self._frames_from,
            frames=bytes(self._speech),
            utterances=tuple((each.start, each.end) for each in self._utterances),
            speech_samples=self.speech_samples,
        )

    def accept(self, pcm: NDArray[np.int16]) -> list[bool]:
        """Take samples; return the changes to speech (True) or silence (False), in order."""
        unheard = pcm[max(self._heard - self.end, 0) :]
        self._blocks = np.concatenate([self._blocks, pcm])
        changes: list[bool] = []
        if not len(unheard):
            return changes
        self._heard = self.end
        for probability in self._judge(unheard):
            value = float(probability)
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
            self.drop(done.end)
            self._forget()

    def resume_point(self, window: int) -> int:
        """Return the sample from which audio must be fed again if another takes over."""
        return max(window, self._utterances[0].start) if self._utterances else self._first

    def _judge(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return the speech probability of each frame that these samples complete."""
        if self._gate:
            return self._vad.accept(as_float(pcm))
        frames = (self._heard - self._endpointer.position) // FRAME
        return np.ones(frames, dtype=np.float32)

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
