"""Word error rates, and which recognised word is which spoken one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import jiwer
import msgspec
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from livetranslate.asr.policy import normalise


class Normaliser(Protocol):
    """Brings a text into the form in which it is compared."""

    def __call__(self, s: str) -> str:
        """Return the text without what does not count."""
        ...


@lru_cache
def normaliser(language: str) -> Normaliser:
    """Return Whisper's normaliser for a language."""
    return EnglishTextNormalizer() if language == "en" else BasicTextNormalizer()


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """Errors over a number of texts, micro-averaged; rates are shares of the reference's length."""

    wer: float
    cer: float
    words: int


def errors(pairs: Sequence[tuple[str, str, str]]) -> Errors:
    """Return the errors of (language, reference, hypothesis) texts."""
    references = [normaliser(language)(reference) for language, reference, _ in pairs]
    hypotheses = [normaliser(language)(hypothesis) for language, _, hypothesis in pairs]
    return Errors(
        wer=jiwer.wer(references, hypotheses),
        cer=jiwer.cer(references, hypotheses),
        words=sum(len(reference.split()) for reference in references),
    )


def matches(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[int, int]]:
    """Return the pairs of indexes of words that are the same, by the best alignment of all."""
    if not reference or not hypothesis:
        return []
    output = jiwer.process_words(
        " ".join(_token(word) for word in reference), " ".join(_token(word) for word in hypothesis)
    )
    pairs: list[tuple[int, int]] = []
    for chunk in output.alignments[0]:
        if chunk.type == "equal":
            spoken = range(chunk.ref_start_idx, chunk.ref_end_idx)
            heard = range(chunk.hyp_start_idx, chunk.hyp_end_idx)
            pairs += zip(spoken, heard, strict=True)
    return pairs


def _token(word: str) -> str:
    """Return a word in the form it is compared in, surely without a blank."""
    return "".join(normalise(word).split()) or "-"
