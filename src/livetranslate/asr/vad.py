"""Voice activity: Silero's network on ONNX Runtime, and the endpointing that reads it.

The network (Silero VAD v6, in the form that faster-whisper ships) gives a speech probability for
each frame of 512 samples; its recurrent state is kept from chunk to chunk. Endpointing turns the
probabilities into utterances: pure, without I/O or clock, by durations of audio alone.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from faster_whisper.utils import get_assets_path
from numpy.typing import NDArray

from livetranslate.asr.engine import Samples
from livetranslate.domain.audio import SAMPLE_RATE

FRAME = 512
"""Samples a frame: 32 ms at 16 kHz."""

FRAME_S = FRAME / SAMPLE_RATE
"""Seconds a frame."""

_CONTEXT = 64
_WIDTH = 128
_STATE = 2 * _WIDTH + _CONTEXT
_MODEL_FILE = "silero_vad_v6.onnx"


class VadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How speech is told from silence; all times in seconds of audio.

    Attributes:
        threshold: Probability from which a frame begins speech.
        release: Probability below which a frame is silence once speech has begun.
        min_speech_s: Shorter bursts of speech do not open an utterance.
        endpoint_s: Silence that ends an utterance.
        padding_s: Audio kept before the begin and after the end of speech.
    """

    threshold: float = 0.4
    release: float = 0.25
    min_speech_s: float = 0.064
    endpoint_s: float = 0.6
    padding_s: float = 0.35


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    path = Path(get_assets_path()) / _MODEL_FILE
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )


class SileroVad:
    """Speech probabilities of one stream of audio.

    Args:
        state: What ``state`` gave, to go on exactly there; empty to begin.
    """

    def __init__(self, state: bytes = b"") -> None:
        values = np.frombuffer(state, dtype=np.float32) if state else np.zeros(_STATE, np.float32)
        self._hidden = values[:_WIDTH].reshape(1, 1, _WIDTH)
        self._cell = values[_WIDTH : 2 * _WIDTH].reshape(1, 1, _WIDTH)
        self._context = values[2 * _WIDTH : _STATE]
        self._rest = values[_STATE:]

    def state(self) -> bytes:
        """Return all that it remembers of the audio so far, at most 3.3 kB."""
        parts = (self._hidden.ravel(), self._cell.ravel(), self._context, self._rest)
        return np.concatenate(parts).astype(np.float32).tobytes()

    def accept(self, audio: Samples) -> NDArray[np.float32]:
        """Take samples and return the probability of each whole frame that they complete."""
        pending = np.concatenate([self._rest, audio])
        count = len(pending) // FRAME
        self._rest = pending[count * FRAME :]
        if not count:
            return np.zeros(0, dtype=np.float32)
        frames = pending[: count * FRAME].reshape(count, FRAME)
        contexts = np.concatenate([self._context[None, :], frames[:-1, -_CONTEXT:]])
        self._context = frames[-1, -_CONTEXT:].copy()
        output, self._hidden, self._cell = _session().run(
            None,
            {
                "input": np.concatenate([contexts, frames], axis=1),
                "h": self._hidden,
                "c": self._cell,
            },
        )
        return np.asarray(output, dtype=np.float32).reshape(-1)


class VoiceState(Enum):
    """Whether an utterance is under way."""

    SILENCE = "silence"
    SPEECH = "speech"


class Boundary(msgspec.Struct, frozen=True):
    """A change of state.

    Attributes:
        state: State from here on.
        at: Sample at which speech began, or after which it was silent.
    """

    state: VoiceState
    at: int


class EndpointerState(msgspec.Struct, frozen=True, kw_only=True):
    """What another endpointer needs to go on; all in samples of the session.

    Attributes:
        position: Begin of the next frame.
        voice: Whether an utterance is under way.
        candidate: Begin of a burst that is too short for an utterance as yet.
        last_speech: Sample after the last frame with speech.
    """

    position: int = 0
    voice: VoiceState = VoiceState.SILENCE
    candidate: int | None = None
    last_speech: int = 0


class Endpointer:
    """Turns speech probabilities into boundaries of utterances; see VadOptions.

    Args:
        options: When speech begins and ends.
        state: Where to go on; by default in silence at the first sample.
    """

    def __init__(self, options: VadOptions, state: EndpointerState | None = None) -> None:
        state = state or EndpointerState()
        self._options = options
        self._position = state.position
        self._candidate = state.candidate
        self._last_speech = state.last_speech
        self._voice = state.voice

    def state(self) -> EndpointerState:
        """Return what another endpointer needs to go on."""
        return EndpointerState(
            position=self._position,
            voice=self._voice,
            candidate=self._candidate,
            last_speech=self._last_speech,
        )

    @property
    def position(self) -> int:
        """Begin of the next frame, in samples."""
        return self._position

    @property
    def silence_s(self) -> float:
        """Seconds since the last frame with speech."""
        return (self._position - self._last_speech) / SAMPLE_RATE

    @property
    def last_speech(self) -> int:
        """Sample after the last frame with speech."""
        return self._last_speech

    def accept(self, probability: float) -> Boundary | None:
        """Take the next frame's probability and return the boundary it makes, if any."""
        begin = self._position
        self._position += FRAME
        if self._voice is VoiceState.SILENCE:
            return self._in_silence(probability, begin)
        return self._in_speech(probability)

    def _in_silence(self, probability: float, begin: int) -> Boundary | None:
        if probability < self._options.threshold:
            self._candidate = None
            return None
        if self._candidate is None:
            self._candidate = begin
        self._last_speech = self._position
        if self._position - self._candidate < self._options.min_speech_s * SAMPLE_RATE:
            return None
        self._voice = VoiceState.SPEECH
        boundary = Boundary(VoiceState.SPEECH, self._candidate)
        self._candidate = None
        return boundary

    def _in_speech(self, probability: float) -> Boundary | None:
        if probability >= self._options.release:
            self._last_speech = self._position
            return None
        if self.silence_s < self._options.endpoint_s:
            return None
        self._voice = VoiceState.SILENCE
        return Boundary(VoiceState.SILENCE, self._last_speech)
