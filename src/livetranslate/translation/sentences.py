"""Cutting text at sentences, without losing a character."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？])\s*|\n+")
_COMMA = re.compile(r"[,;:]\s+|、")
_ENDS = (".", "!", "?", "…", "。", "！", "？")
_CLOSERS = "\"'”’»)]"
_MAX_OPENING = 200


def split_text(text: str, max_chars: int) -> list[str]:
    """Return pieces of at most ``max_chars`` characters which joined are the text again.

    Cuts lie behind sentence ends; within a longer sentence behind a comma or blank; within a
    longer word anywhere.
    """
    if len(text) <= max_chars:
        return [text]
    pieces: list[str] = []
    current = ""
    for sentence in _sentences(text):
        if len(current) + len(sentence) <= max_chars:
            current += sentence
            continue
        if current:
            pieces.append(current)
        *whole, current = _cut(sentence, max_chars)
        pieces.extend(whole)
    return [*pieces, current] if current else pieces


def unfinished_sentence(context: str) -> str:
    """Return the sentence that a context ends in the middle of; empty if it ends with one.

    A line break ends a sentence too.
    """
    text = context.strip()
    if not text or context.endswith("\n") or text.rstrip(_CLOSERS).endswith(_ENDS):
        return ""
    return _sentences(text)[-1].strip()[-_MAX_OPENING:]


def last_sentence(context: str) -> str:
    """Return the last sentence of a context, whether finished or not."""
    text = context.strip()
    return _sentences(text)[-1].strip() if text else ""


def _sentences(text: str) -> list[str]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    borders = [0, *(end for end in ends if end < len(text)), len(text)]
    return [text[a:b] for a, b in zip(borders, borders[1:], strict=False) if a < b]


def _cut(sentence: str, max_chars: int) -> list[str]:
    pieces: list[str] = []
    while len(sentence) > max_chars:
        window = sentence[:max_chars]
        commas = [match.end() for match in _COMMA.finditer(window)]
        comma = commas[-1] if commas else 0
        cut = comma if comma > max_chars // 2 else window.rfind(" ") + 1
        pieces.append(sentence[: cut or max_chars])
        sentence = sentence[cut or max_chars :]
    return [*pieces, sentence]
