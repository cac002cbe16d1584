"""Text into Apertium's stream format and back.

In the stream ``[…]`` is a superblank: it passes all stages untouched and stays in its place between
words. Everything that means something to Apertium travels in superblanks, as hexadecimal code
points, so that no text can break the stream; what then comes back outside of them as ``*``, ``@``
or ``#`` is Apertium's own mark of a word it does not know, cannot transfer or cannot inflect.
https://wiki.apertium.org/wiki/Apertium_stream_format
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

BORDER = "[border]"
"""Superblank between a text's context and the text."""

_SPECIAL = re.compile(r"(?:[\[\]{}^$/\\@<>*#~+=]|[\x00-\x1f\x7f-\x9f]|[^\S ]| {2,})+")
_OUTPUT = re.compile(r"\[(?P<codes>[0-9a-f.]*)\]|\\(?P<escaped>.)|(?P<mark>[*@#])", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_BLANK_BEFORE_STOP = re.compile(r" +(?=[.,;:!?…])")


class Decoded(msgspec.Struct, frozen=True):
    """Apertium's answer as plain text, with the number of words it marked as unknown."""

    text: str
    unknown: int


def encode(text: str) -> str:
    """Return a text, without surrounding blanks, in the stream format."""
    return _SPECIAL.sub(_superblank, unicodedata.normalize("NFC", text))


def seal(stream: str) -> str:
    """Return a stream with the end that the analyser needs to let the last word go.

    Without a sentence end the tagger would wait for more; a text that has none gets one.
    """
    return f"{stream}[]" if stream.endswith((".", "!", "?", "…")) else f"{stream}.[]"


def unseal(output: str, stream: str) -> str:
    """Return an output without what ``seal`` added to ``stream``."""
    added = seal(stream)[len(stream) :]
    body = output.rstrip()
    return body[: -len(added)] if body.endswith(added) else body


def decode(output: str) -> Decoded:
    """Return the plain text of an output, with marks removed and counted."""
    unknown = 0

    def plain(match: re.Match[str]) -> str:
        nonlocal unknown
        if match["codes"] is not None:
            return "".join(chr(int(code, 16)) for code in match["codes"].split(".") if code)
        if match["escaped"] is not None:
            return match["escaped"]
        unknown += 1
        return ""

    without_gaps = re.sub(r" {2,}", " ", output)
    return Decoded(_OUTPUT.sub(plain, without_gaps), unknown)


def polish(translation: str, source: str) -> str:
    """Return a translation with the blanks and capitals that its source had."""
    text = translation.strip(" ")
    if not _BLANK_BEFORE_STOP.search(source):
        text = _BLANK_BEFORE_STOP.sub("", text)
    if source.isupper() and sum(map(str.isalpha, source)) > 1:
        return text.upper()
    if source[:1].isupper() and text[:1].islower():
        return text[0].upper() + text[1:]
    if source[:1].islower() and text[:1].isupper() and not text[1:2].isupper():
        return text[0].lower() + text[1:]
    return text


def count_words(text: str) -> int:
    """Return the number of words made of letters."""
    return len(_WORD.findall(text))


def _superblank(match: re.Match[str]) -> str:
    return f"[{'.'.join(f'{ord(character):x}' for character in match[0])}]"
