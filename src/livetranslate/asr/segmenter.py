"""From committed words to segments: closed at sentence ends and pauses. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from livetranslate.domain.speech import Segment, Word, join_words, mean_confidence

_SENTENCE_END = ".?!。？！…"
_QUOTES = "\"')]”’»"
_ABBREVIATIONS = frozenset(
    {"mr.", "mrs.", "ms.", "dr.", "st.", "prof.", "sr.", "sra.", "no.", "vs.", "e.g.", "i.e."}
)


class SegmenterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a segment.

    Attributes:
        max_segment_s: A segment this long is closed at its longest gap between words.
    """

    max_segment_s: float = 20.0


class SegmenterState(msgspec.Struct, frozen=True, kw_only=True):
    """What another segmenter needs to go on.

    Attributes:
        closed: Number of final segments so far.
        words: Committed words of the open segment.
        language: Its language.
        word_count: Words in closed segments.
    """

    closed: int = 0
    words: tuple[Word, ...] = ()
    language: str | None = None
    word_count: int = 0


def ends_sentence(word: str) -> bool:
    """Return whether a word ends a sentence."""
    bare = word.rstrip(_QUOTES)
    return bool(bare) and bare[-1] in _SENTENCE_END and word.casefold() not in _ABBREVIATIONS


class Segmenter:
    """Builds a session's segments, one open at a time."""

    def __init__(self, options: SegmenterOptions, state: SegmenterState) -> None:
        self._options = options
        self._closed = state.closed
        self._words: list[Word] = list(state.words)
        self._language = state.language
        self._word_count = state.word_count
        self._shown = ""

    @property
    def closed(self) -> int:
        """Number of final segments."""
        return self._closed

    @property
    def word_count(self) -> int:
        """Number of words in final segments."""
        return self._word_count

    def add(
        self, committed: Sequence[Word], tail: Sequence[Word], language: str, *, pause: bool
    ) -> list[Segment]:
        """Take newly committed words and the unstable tail behind them.

        Returns:
            The segments that changed: those closed, then the open one if its text is new.
        """
        changed: list[Segment] = []
        self._language = language
        for word in committed:
            self._words.append(word)
            if ends_sentence(word.word):
                changed.append(self._close())
            elif self._words[-1].end - self._words[0].start > self._options.max_segment_s:
                changed.append(self._split())
        if pause and self._words:
            changed.append(self._close())
        unstable = [] if pause else list(tail)
        if self._words or unstable:
            segment = self._segment([*self._words, *unstable], is_final=False)
            if changed or segment.text != self._shown:
                changed.append(segment)
            self._shown = segment.text
        return changed

    def state(self) -> SegmenterState:
        """Return what another segmenter needs to go on."""
        return SegmenterState(
            closed=self._closed,
            words=tuple(self._words),
            language=self._language,
            word_count=self._word_count,
        )

    def _split(self) -> Segment:
        """Close the open segment at its longest gap, in its second half."""
        half = len(self._words) // 2
        gaps = [
            (self._words[index].start - self._words[index - 1].end, index)
            for index in range(max(half, 1), len(self._words))
        ]
        index = max(gaps)[1] if gaps else len(self._words)
        rest = self._words[index:]
        self._words = self._words[:index]
        segment = self._close()
        self._words = rest
        return segment

    def _close(self) -> Segment:
        segment = self._segment(self._words, is_final=True)
        self._closed += 1
        self._word_count += len(self._words)
        self._words = []
        self._shown = ""
        return segment

    def _segment(self, words: Sequence[Word], *, is_final: bool) -> Segment:
        return Segment(
            segment_id=f"seg-{self._closed + 1:05d}",
            text=join_words(list(words), self._language),
            language=self._language,
            confidence=mean_confidence(list(words)),
            start=words[0].start,
            end=words[-1].end,
            words=tuple(words),
            is_final=is_final,
        )
