"""PocketSphinx decoders: costly to make (0.3 s, 90 MB), so a bounded number is kept and reused.

Overflow policy: with every decoder at work, one more stream is refused (``Overloaded``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol, cast

import msgspec
import pocketsphinx  # pyright: ignore[reportMissingTypeStubs] - the package ships none

from livetranslate.domain.errors import ModelUnavailable, Overloaded

DECODER_BYTES = 90 * 1024 * 1024
"""Memory that one decoder takes, measured."""


class SphinxSegment(Protocol):
    """A word of the present best path."""

    word: str
    start_frame: int
    end_frame: int
    prob: float


class Decoder(Protocol):
    """What we use of ``pocketsphinx.Decoder``."""

    def get_cmn(self, update: bool) -> str:
        """Return the cepstral mean, after taking in this utterance if ``update``."""
        ...

    def set_cmn(self, cmn: str) -> None:
        """Set the cepstral mean that normalisation begins with."""
        ...

    def reinit_feat(self) -> None:
        """Begin feature extraction anew."""
        ...

    def start_utt(self) -> None:
        """Begin an utterance."""
        ...

    def process_raw(self, data: bytes) -> int:
        """Search s16le samples of 16 kHz."""
        ...

    def end_utt(self) -> None:
        """End the utterance with the second pass."""
        ...

    def seg(self) -> Iterable[SphinxSegment] | None:
        """Return the words of the best path so far."""
        ...


class PocketSphinxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and search parameters of the engine.

    Attributes:
        max_decoders: Utterances that can be decoded at once.
        idle_decoders: Decoders kept for the next utterance; the others are freed.
        language_weight: Weight of the language model against the sound.
        word_insertion: Penalty (below 1) for each word.
    """

    max_decoders: int = 16
    idle_decoders: int = 2
    language_weight: float = 7.0
    word_insertion: float = 0.2


class DecoderPool:
    """Lends decoders, each to one stream at a time; safe for threads and for finalizers."""

    def __init__(self, options: PocketSphinxOptions) -> None:
        self._options = options
        self._lock = threading.RLock()  # a finalizer may run inside any of these methods
        self._lent = 0
        self._closed = False
        first = _load(options)
        self._mean: str = first.get_cmn(False)
        self._idle = [first]

    def take(self) -> Decoder:
        """Return a decoder at the beginning of an utterance.

        Raises:
            Overloaded: ``max_decoders`` are at work.
            ModelUnavailable: The engine was closed.
        """
        with self._lock:
            if self._closed:
                raise ModelUnavailable("the PocketSphinx engine is closed")
            if self._lent >= self._options.max_decoders:
                raise Overloaded(
                    f"all {self._options.max_decoders} PocketSphinx decoders are at work",
                    retry_after_s=1.0,
                )
            self._lent += 1
            decoder = self._idle.pop() if self._idle else None
        try:
            return self._begin(decoder or _load(self._options))
        except BaseException:
            with self._lock:
                self._lent -= 1
            raise

    def give(self, decoder: Decoder) -> None:
        """Take a decoder back whose utterance has ended."""
        with self._lock:
            self._lent -= 1
            if not self._closed and len(self._idle) < self._options.idle_decoders:
                self._idle.append(decoder)

    def forget(self) -> None:
        """Note that a decoder was abandoned in the middle of an utterance and is freed."""
        with self._lock:
            self._lent -= 1

    def close(self) -> None:
        """Free the idle decoders now and those at work when they come back."""
        with self._lock:
            self._closed = True
            self._idle.clear()

    def _begin(self, decoder: Decoder) -> Decoder:
        decoder.reinit_feat()  # forgets the noise and the level heard in other utterances
        decoder.set_cmn(self._mean)
        decoder.start_utt()
        return decoder


_Decoder = cast(
    Callable[..., Decoder],
    pocketsphinx.Decoder,  # pyright: ignore[reportUnknownMemberType] - as above
)


def _load(options: PocketSphinxOptions) -> Decoder:
    try:
        return _Decoder(lw=options.language_weight, wip=options.word_insertion, loglevel="FATAL")
    except (RuntimeError, ValueError) as error:
        raise ModelUnavailable(
            "PocketSphinx's English model could not be loaded; reinstall the package "
            f"'pocketsphinx': {error}"
        ) from error
