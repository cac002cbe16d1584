"""The contract of speech engines.

There are two kinds, told apart by their declared capabilities. A **window engine** decodes whole
windows of audio, several at a time (Whisper); it can be made to continue a text it is given. An
**incremental engine** takes audio as it comes and revises its guess (PocketSphinx). One contract
test suite runs over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.domain.session import Task
from livetranslate.domain.speech import Hypothesis, Word

Samples = NDArray[np.float32]
"""Mono audio at 16 kHz, shape (n,), float32 in [-1, 1]."""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine can do with its model, as it is loaded.

    Attributes:
        incremental: Audio is fed once, as it comes (``open_stream``); otherwise by windows.
        word_times: Words come with measured times.
        languages: ISO 639-1 codes it recognises.
        detects_language: Whether ``language=None`` is understood.
        translates: Whether it can write English for any of its languages.
        max_batch: Windows a call at most.
        min_window_s: Shortest encoder window the model bears, in seconds; shorter audio is padded.
        max_window_s: Longest window it decodes well, in seconds.
        settle_s: Words that end within so many seconds of the end of the audio are still revised.
        recognises: Whether words come from what is said; False for an engine of load tests.
    """

    incremental: bool
    word_times: bool
    languages: tuple[str, ...]
    detects_language: bool
    translates: bool
    max_batch: int
    min_window_s: float
    max_window_s: float
    settle_s: float = 0.0
    recognises: bool = True

    def knows(self, language: str) -> bool:
        """Return whether the engine recognises a language; of ``en-GB`` it asks for ``en``.

        ``auto`` it knows always: an engine that cannot detect a language takes its only one.
        """
        return language == "auto" or language.partition("-")[0] in self.languages


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is loaded.

    Attributes:
        engine: Registry name, such as ``faster-whisper``.
        model: Model name or directory as it was asked for.
        device: ``cpu`` or ``cuda``.
        compute_type: Numeric type, such as ``int8``.
        memory_bytes: Estimate of the memory the model takes.
    """

    engine: str
    model: str
    device: str
    compute_type: str
    memory_bytes: int


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model in a worker's memory.

    Attributes:
        info: What is loaded.
        capabilities: What it can do.
        references: Sessions and jobs that hold it.
        in_flight: Windows being decoded.
        queued: Windows waiting.
        busy_s: Seconds that it has computed since it was loaded.
        idle_s: Seconds since it was used last.
    """

    info: EngineInfo
    capabilities: Capabilities
    references: int
    in_flight: int
    queued: int
    idle_s: float
    busy_s: float = 0.0


class WindowRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One window to decode.

    Attributes:
        audio: Samples of the window.
        offset_s: Session time of its first sample; word times come back in session time.
        language: ISO 639-1 code, or None to detect it.
        task: Transcribe or translate.
        prompt: Text before the window (committed earlier, or the session's context).
        prefix: Words already committed inside the window; the engine continues behind them and
            returns only what follows.
        final: Whether no more audio follows for these words; engines may search harder.
    """

    audio: Samples
    offset_s: float
    language: str | None
    task: Task = Task.TRANSCRIBE
    prompt: str = ""
    prefix: tuple[Word, ...] = ()
    final: bool = False


class EngineStream(Protocol):
    """Recognition of one utterance by an incremental engine; used by one thread at a time."""

    def accept(self, audio: Samples) -> None:
        """Take the next samples."""
        ...

    def hypothesis(self, *, final: bool = False) -> Hypothesis:
        """Return the present guess for the whole utterance; ``final`` ends the stream."""
        ...


@runtime_checkable
class SpeechEngine(Protocol):
    """A loaded model that recognises speech; calls block, so they are made from worker threads.

    Raises:
        UnsupportedLanguage: A language outside ``capabilities.languages``.
        BackendUnavailable: A remote engine did not answer.
    """

    @property
    def info(self) -> EngineInfo:
        """What is loaded."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def decode(self, requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        """Decode windows, at most ``max_batch``, in one call; one hypothesis each, in order.

        Only for window engines. All requests of one call should want the same task and language
        and have windows of similar length; the scheduler sees to that.
        """
        ...

    def open_stream(self, *, offset_s: float, language: str | None) -> EngineStream:
        """Begin an utterance at session time ``offset_s``; only for incremental engines."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...
