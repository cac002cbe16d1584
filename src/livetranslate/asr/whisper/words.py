"""From Whisper's tokens and their alignment to words with times and confidence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec
from faster_whisper.tokenizer import Tokenizer

from livetranslate.domain.speech import Word

SECONDS_PER_POSITION = 0.02
"""Duration of one audio position of the encoder's output."""

_OPENING = "\"'“¿([{-"
_CLOSING = "\"'.。,，!！?？:：”)]}、"


class TokenGroup(msgspec.Struct):
    """Tokens that make up one word.

    Attributes:
        text: Text with its leading blank, if any.
        tokens: Their ids.
    """

    text: str
    tokens: list[int]


def group_tokens(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[TokenGroup]:
    """Group tokens into words; punctuation goes with the word that it touches."""
    texts, ids = tokenizer.split_to_word_tokens(list(tokens))
    groups = [TokenGroup(text, list(group)) for text, group in zip(texts, ids, strict=True)]
    return _attach_closing(_attach_opening([group for group in groups if group.text]))


def _attach_opening(groups: list[TokenGroup]) -> list[TokenGroup]:
    merged: list[TokenGroup] = []
    for group in reversed(groups):
        mark = group.text.strip()
        if merged and mark and mark in _OPENING and group.text.startswith(" "):
            merged[-1].text = group.text + merged[-1].text
            merged[-1].tokens = group.tokens + merged[-1].tokens
        else:
            merged.append(group)
    return merged[::-1]


def _attach_closing(groups: list[TokenGroup]) -> list[TokenGroup]:
    merged: list[TokenGroup] = []
    for group in groups:
        if merged and group.text and group.text in _CLOSING:
            merged[-1].text += group.text
            merged[-1].tokens += group.tokens
        else:
            merged.append(group)
    return merged


def timed_words(
    groups: Sequence[TokenGroup],
    alignment: Sequence[tuple[int, int]],
    probabilities: Sequence[float],
    *,
    offset_s: float,
    duration_s: float,
) -> list[Word]:
    """Return words with times from a token alignment.

    A token begins at the first audio position on the alignment path that belongs to it; a word ends
    where the next begins (the method of openai-whisper's ``find_alignment``).

    Args:
        groups: Words as tokens, in order, beginning with the first aligned token.
        alignment: Path of (token index, audio position) pairs; its last token is the end mark.
        probabilities: Probability of each token, 0-1.
        offset_s: Session time of the window's first sample.
        duration_s: Seconds of audio in the window.
    """
    starts: dict[int, int] = {}
    for token, position in alignment:
        starts.setdefault(token, position)
    if not starts:
        return []
    last = max(starts.values())
    boundaries = [0]
    for group in groups:
        boundaries.append(boundaries[-1] + len(group.tokens))
    words: list[Word] = []
    for group, (begin, end) in zip(groups, pairwise(boundaries), strict=True):
        text = group.text.strip()
        start_s = min(starts.get(begin, last) * SECONDS_PER_POSITION, duration_s)
        end_s = min(max(starts.get(end, last) * SECONDS_PER_POSITION, start_s), duration_s)
        chances = probabilities[begin:end]
        if text:
            words.append(
                Word(
                    word=text,
                    start=round(offset_s + start_s, 3),
                    end=round(offset_s + end_s, 3),
                    confidence=round(sum(chances) / len(chances), 4) if chances else None,
                )
            )
    return words
