"""What recognition yields: words, hypotheses and segments. All times are seconds."""

from __future__ import annotations

import msgspec


class Word(msgspec.Struct, frozen=True):
    """One recognised word.

    Attributes:
        word: Text with its punctuation, without surrounding blanks.
        start: Begin in seconds from the session's (or file's) first sample.
        end: End in seconds, never before ``start``.
        confidence: Measured probability 0-1, or None where the engine has none.
        committed: Whether it can no longer change.
    """

    word: str
    start: float
    end: float
    confidence: float | None = None
    committed: bool = False


class Hypothesis(msgspec.Struct, frozen=True):
    """What an engine makes of one window of audio, after the words already committed in it.

    Attributes:
        words: New words in order, times in seconds from the session's first sample.
        language: ISO 639-1 code that the words are in.
        language_confidence: Probability of the detected language; None if it was given.
        no_speech: Probability 0-1 that the window holds no speech; None if not measured.
    """

    words: tuple[Word, ...]
    language: str
    language_confidence: float | None = None
    no_speech: float | None = None


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of speech that belongs together: a sentence, or what was said up to a pause.

    Attributes:
        segment_id: Unique in its session, in order of speech.
        text: All words, joined.
        language: ISO 639-1 code, or None while unknown.
        confidence: Mean word confidence 0-1, or None.
        start: Begin in seconds from the first sample.
        end: End in seconds.
        words: The words with times; in a final segment all are committed.
        is_final: Whether nothing in it can change any more.
    """

    segment_id: str
    text: str
    language: str | None
    confidence: float | None
    start: float
    end: float
    words: tuple[Word, ...]
    is_final: bool


def join_words(words: tuple[Word, ...] | list[Word], language: str | None) -> str:
    """Return the text of words; languages written without blanks are joined without them."""
    separator = "" if language in {"zh", "ja", "th", "lo", "my", "km", "yue"} else " "
    return separator.join(word.word for word in words)


def mean_confidence(words: tuple[Word, ...] | list[Word]) -> float | None:
    """Return the mean of the measured confidences, or None if no word has one."""
    measured = [word.confidence for word in words if word.confidence is not None]
    return round(sum(measured) / len(measured), 4) if measured else None
