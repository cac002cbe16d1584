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
    """Speech probabilities of one stream of audio."""

    def __init__(self) -> None:
        self._hidden = np.zeros((1, 1, 128), dtype=np.float32)
        self._cell = np.zeros((1, 1, 128), dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._rest = np.zeros(0, dtype=np.float32)

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


class Endpointer:
    """Turns speech probabilities into boundaries of utterances; see VadOptions."""

    def __init__(self, options: VadOptions, *, start: int = 0) -> None:
        """Begin in silence at sample ``start``."""
        self._options = options
        self._position = start
        self._candidate: int | None = None
        self._last_speech = start
        self.state = VoiceState.SILENCE

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
        if self.state is VoiceState.SILENCE:
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
        self.state = VoiceState.SPEECH
        boundary = Boundary(VoiceState.SPEECH, self._candidate)
        self._candidate = None
        return boundary

    def _in_speech(self, probability: float) -> Boundary | None:
        if probability >= self._options.release:
            self._last_speech = self._position
            return None
        if self.silence_s < self._options.endpoint_s:
            return None
        self.state = VoiceState.SILENCE
        return Boundary(VoiceState.SILENCE, self._last_speech)
