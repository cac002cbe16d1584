"""The scripted engine: words at fixed times for nearly no CPU; it recognises nothing.

For load tests beyond the number of sessions that a machine recognises in real time: everything
around the engine (log, voice activity, policies, events, database) works as always. It is taken
only where a session asks for it by name.

Time is cut into slots from the session's first sample. A slot that the window holds whole gives one
word, unless it is digital silence; which word it is follows from a few samples in its middle, so
that the same audio always gives the same words and every window tells them alike.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Sequence

from livetranslate.asr.engine import Capabilities, EngineInfo, EngineStream, WindowRequest
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import InvalidInput, UnsupportedLanguage
from livetranslate.domain.session import Task
from livetranslate.domain.speech import Hypothesis, Word

NAME = "scripted"
MODEL = "no-recognition"
LANGUAGES = ("en",)
SLOT_S = 0.4
"""Seconds from the begin of one word to that of the next."""
WORD_S = 0.32
"""Seconds that a word lasts."""
SENTENCE = 12
"""Every so many slots the word ends a sentence."""

_PROBE = 64
"""Samples in the middle of a slot that choose its word."""

_WORDS = tuple(
    "able about after again along among answer around away back before begin below better between "
    "body bring build call care carry change city clear close come country course cover cross day "
    "draw drive early earth east every face fall family farm father field figure final fine first "
    "follow".split()
)


class ScriptedEngine:
    """Makes up words at fixed times; see the module. Implements SpeechEngine."""

    @property
    def info(self) -> EngineInfo:
        """What it is; there is no model, so the memory is that of the word list."""
        return EngineInfo(
            engine=NAME,
            model=MODEL,
            device="cpu",
            compute_type="none",
            memory_bytes=sum(sys.getsizeof(word) for word in _WORDS),
        )

    @property
    def capabilities(self) -> Capabilities:
        """English words, exactly at their slots; nothing is recognised."""
        return Capabilities(
            incremental=False,
            word_times=True,
            languages=LANGUAGES,
            detects_language=False,
            translates=False,
            max_batch=64,
            min_window_s=0.0,
            max_window_s=30.0,
            recognises=False,
        )

    def decode(self, requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        """Return the words of the whole slots of each window that lie behind its prefix.

        Raises:
            UnsupportedLanguage: A language other than English.
            InvalidInput: Translation is asked for.
        """
        return [Hypothesis(words=_words(request), language=LANGUAGES[0]) for request in requests]

    def open_stream(self, *, offset_s: float, language: str | None) -> EngineStream:
        """It takes windows; raises InvalidInput."""
        raise InvalidInput("the scripted engine takes windows and has no incremental stream")

    def close(self) -> None:
        """Nothing is held."""


def _words(request: WindowRequest) -> tuple[Word, ...]:
    if request.language is not None and request.language.partition("-")[0] not in LANGUAGES:
        raise UnsupportedLanguage(
            f"the scripted engine has no words of {request.language!r}, only English ones",
            available=LANGUAGES,
            field="language",
        )
    if request.task is not Task.TRANSCRIBE:
        raise InvalidInput("the scripted engine cannot translate", field="task")
    begin_s = request.offset_s
    if request.prefix:
        begin_s = max(begin_s, request.prefix[-1].end)
    end_s = request.offset_s + len(request.audio) / SAMPLE_RATE
    found: list[Word] = []
    slot = math.ceil(round(begin_s / SLOT_S, 6))
    while slot * SLOT_S + WORD_S <= end_s:
        text = _text(request, slot)
        if text:
            start = round(slot * SLOT_S, 3)
            found.append(Word(word=text, start=start, end=round(start + WORD_S, 3)))
        slot += 1
    return tuple(found)


def _text(request: WindowRequest, slot: int) -> str:
    """Return the word of a slot, or nothing where its middle is digital silence."""
    middle = round((slot * SLOT_S + WORD_S / 2 - request.offset_s) * SAMPLE_RATE)
    probe = request.audio[middle : middle + _PROBE]
    if not probe.any():
        return ""
    word = _WORDS[zlib.crc32(probe.tobytes()) % len(_WORDS)]
    return f"{word}." if slot % SENTENCE == SENTENCE - 1 else word
