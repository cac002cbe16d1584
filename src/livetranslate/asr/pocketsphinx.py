"""PocketSphinx: English on any machine, with the model inside its package.

The fallback where no Whisper model can be had: far less accurate, lower case, no punctuation.
A hidden Markov model with a trigram language model, searched as the audio comes; at the end of the
utterance a second pass and the best path through the word lattice give the final words, and each
its posterior probability (Huggins-Daines et al., "PocketSphinx", ICASSP 2006).
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Sequence

import numpy as np

from livetranslate.asr.engine import (
    Capabilities,
    EngineInfo,
    EngineStream,
    Samples,
    WindowRequest,
)
from livetranslate.asr.sphinx_pool import DECODER_BYTES, DecoderPool, PocketSphinxOptions
from livetranslate.domain.errors import Conflict, InvalidInput, UnsupportedLanguage
from livetranslate.domain.session import Task
from livetranslate.domain.speech import Hypothesis, Word

NAME = "pocketsphinx"
MODEL = "en-us"
LANGUAGES = ("en",)
BLOCK = 1600
"""Samples the decoder is given at once (0.1 s), so that results do not depend on chunk sizes."""

_FRAMES_PER_SECOND = 100
_FILLER = re.compile(r"^(<.*>|\[.*\]|\+\+.*\+\+)$")
_VARIANT = re.compile(r"\(\d+\)$")


class PocketSphinxEngine:
    """The incremental engine of the package ``pocketsphinx``; takes audio of up to 30 s a stream.

    Raises:
        ModelUnavailable: The model cannot be loaded.
    """

    def __init__(self, options: PocketSphinxOptions | None = None) -> None:
        self._pool = DecoderPool(options or PocketSphinxOptions())

    @property
    def info(self) -> EngineInfo:
        """What is loaded; the memory is that of one utterance's decoder."""
        return EngineInfo(
            engine=NAME,
            model=MODEL,
            device="cpu",
            compute_type="int16",
            memory_bytes=DECODER_BYTES,
        )

    @property
    def capabilities(self) -> Capabilities:
        """English only; word times to 10 ms."""
        return Capabilities(
            incremental=True,
            word_times=True,
            languages=LANGUAGES,
            detects_language=False,
            translates=False,
            max_batch=1,
            min_window_s=0.0,
            max_window_s=30.0,
            settle_s=1.0,
        )

    def decode(self, requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        """Decode each window as an utterance of its own, so that files need no other way.

        Raises:
            UnsupportedLanguage: A language other than English.
            InvalidInput: Translation is asked for.
            Overloaded: All decoders are at work.
        """
        return [self._window(request) for request in requests]

    def open_stream(self, *, offset_s: float, language: str | None) -> EngineStream:
        """Begin an utterance at session time ``offset_s``; None as language means English.

        Raises:
            UnsupportedLanguage: A language other than English.
            Overloaded: All decoders are at work.
        """
        if language is not None and language.split("-")[0] not in LANGUAGES:
            raise UnsupportedLanguage(
                f"PocketSphinx recognises English only, not {language!r}; "
                "other languages need a Whisper model",
                available=LANGUAGES,
                field="language",
            )
        return _Stream(self._pool, offset_s)

    def close(self) -> None:
        """Free the model; open streams may be used to their end."""
        self._pool.close()

    def _window(self, request: WindowRequest) -> Hypothesis:
        if request.task is not Task.TRANSCRIBE:
            raise InvalidInput("PocketSphinx cannot translate", field="task")
        stream = self.open_stream(offset_s=request.offset_s, language=request.language)
        stream.accept(request.audio)
        found = stream.hypothesis(final=True)
        if not request.prefix:
            return found
        done = request.prefix[-1].end
        words = tuple(word for word in found.words if (word.start + word.end) / 2 > done)
        return Hypothesis(words=words, language=found.language)


class _Stream:
    """One utterance; its decoder goes back to the pool at the end."""

    def __init__(self, pool: DecoderPool, offset_s: float) -> None:
        self._offset_s = offset_s
        self._pool = pool
        self._decoder = pool.take()
        self._forget = weakref.finalize(self, pool.forget)
        self._rest = np.zeros(0, np.int16)

    def accept(self, audio: Samples) -> None:
        """Take the next samples; searches every full block."""
        self._check_open()
        scaled = np.clip(np.rint(audio * np.float32(32768.0)), -32768, 32767).astype(np.int16)
        samples = np.concatenate((self._rest, scaled))
        whole = len(samples) - len(samples) % BLOCK
        for start in range(0, whole, BLOCK):
            self._decoder.process_raw(samples[start : start + BLOCK].tobytes())
        self._rest = samples[whole:]

    def hypothesis(self, *, final: bool = False) -> Hypothesis:
        """Return the present guess; ``final`` runs the second pass and ends the stream."""
        self._check_open()
        if not final:
            return Hypothesis(words=self._words(measured=False), language=LANGUAGES[0])
        if len(self._rest):
            self._decoder.process_raw(self._rest.tobytes())
        self._decoder.end_utt()
        words = self._words(measured=True)
        self._forget.detach()
        self._pool.give(self._decoder)
        return Hypothesis(words=words, language=LANGUAGES[0])

    def _words(self, *, measured: bool) -> tuple[Word, ...]:
        return tuple(
            Word(
                word=_VARIANT.sub("", segment.word),
                start=self._time(segment.start_frame),
                end=self._time(segment.end_frame + 1),
                confidence=round(min(1.0, max(0.0, segment.prob)), 4) if measured else None,
            )
            for segment in self._decoder.seg() or ()
            if not _FILLER.match(segment.word)
        )

    def _time(self, frame: int) -> float:
        return round(self._offset_s + frame / _FRAMES_PER_SECOND, 3)

    def _check_open(self) -> None:
        if not self._forget.alive:
            raise Conflict("this utterance has ended; open another stream")
