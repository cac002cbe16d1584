"""Word error rates, with Whisper's own normaliser."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from livetranslate.domain.speech import Word
from support.speech import Recording

_english = EnglishTextNormalizer()
_other = BasicTextNormalizer()


def normalised(text: str, language: str = "en") -> str:
    """Text as Whisper's evaluation compares it."""
    return str((_english if language == "en" else _other)(text))


def error_rate(references: Sequence[str], texts: Sequence[str], language: str = "en") -> float:
    """Micro-averaged word error rate, 0 and up."""
    return float(
        jiwer.wer(
            [normalised(text, language) for text in references],
            [normalised(text, language) for text in texts],
        )
    )


def start_differences(recording: Recording, words: Sequence[Word]) -> list[float]:
    """Seconds by which the begins of matched words are off."""

    def bare(text: str) -> str:
        return text.lower().strip(" .,?!¿¡")

    expected = [bare(str(word["word"])) for word in recording.words]
    found = [bare(word.word) for word in words]
    blocks = SequenceMatcher(None, expected, found, autojunk=False).get_matching_blocks()
    return [
        abs(words[block.b + i].start - float(recording.words[block.a + i]["start"]))
        for block in blocks
        for i in range(block.size)
    ]
