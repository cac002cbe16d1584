"""From committed words to segments: closed at sentence ends and pauses. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from livetranslate.domain.speech import Segment, Word, join_words, mean_confidence

_SENTENCE_END = ".?!。？！…"
_QUOTES = "\"')]”’»"
_ABBREVIATIONS = frozenset(
    {"mr.", "mrs.", "ms.", "dr.", "st.", "prof.", "sr.", "sra.", "vs.", "e.g.", "i.e."}
)


Parting = Callable[[Sequence[Word]], int | None]
"""Says of the words of the open segment which is the first that another person says, if any is."""


class SegmenterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a segment.

    Attributes:
        max_segment_s: A segment this long is closed at its longest gap between words.
    """

    max_segment_s: float = 20.0


class Shown(msgspec.Struct, frozen=True):
    """How the open segment was returned last.

    Attributes:
        text: Its text.
        committed: How many of its words were committed.
        start: Its begin in seconds.
    """

    text: str = ""
    committed: int = 0
    start: float = 0.0


class SegmenterState(msgspec.Struct, frozen=True, kw_only=True):
    """What another segmenter needs to go on.

    Attributes:
        closed: Number of final segments so far.
        words: Committed words of the open segment.
        language: Its language.
        word_count: Words in closed segments.
        shown: How the open segment was returned last.
    """

    closed: int = 0
    words: tuple[Word, ...] = ()
    language: str | None = None
    word_count: int = 0
    shown: Shown = Shown()


def ends_sentence(word: str) -> bool:
    """Return whether a word ends a sentence."""
    bare = word.rstrip(_QUOTES)
    return bool(bare) and bare[-1] in _SENTENCE_END and bare.casefold() not in _ABBREVIATIONS


class Segmenter:
    """Builds a session's segments, one open at a time."""

    def __init__(self, options: SegmenterOptions, state: SegmenterState) -> None:
        self._options = options
        self._closed = state.closed
        self._words: list[Word] = list(state.words)
        self._language = state.language
        self._word_count = state.word_count
        self._shown = state.shown

    @property
    def closed(self) -> int:
        """Number of final segments."""
        return self._closed

    @property
    def word_count(self) -> int:
        """Number of words in final segments."""
        return self._word_count

    def add(
        self,
        committed: Sequence[Word],
        tail: Sequence[Word],
        language: str | None,
        *,
        pause: bool,
        parting: Parting | None = None,
    ) -> list[Segment]:
        """Take newly committed words and the unstable tail behind them.

        Args:
            committed: Words that can no longer change.
            tail: Words behind them that can.
            language: Language of both.
            pause: Whether speech pauses here, which closes the segment.
            parting: Says where another person begins to speak, which closes the segment before.

        Returns:
            The segments that changed: those closed, then the open one if it has another text or
            more of it is committed. One of which nothing is left comes without words.
        """
        changed: list[Segment] = []
        if committed or tail:
            self._language = language
        for word in committed:
            self._words.append(word)
            changed += self._part(parting)
            if ends_sentence(word.word):
                changed.append(self._close())
            elif self._words[-1].end - self._words[0].start > self._options.max_segment_s:
                changed.append(self._split())
        if not committed:
            changed += self._part(parting)
        if pause and self._words:
            changed.append(self._close())
        words = self._words if pause else [*self._words, *tail]
        segment = self._segment(words, is_final=False)
        shown = Shown(segment.text, len(self._words), segment.start)
        if (shown.text, shown.committed) != (self._shown.text, self._shown.committed):
            changed.append(segment)
        self._shown = shown
        return changed

    def state(self) -> SegmenterState:
        """Return what another segmenter needs to go on."""
        return SegmenterState(
            closed=self._closed,
            words=tuple(self._words),
            language=self._language,
            word_count=self._word_count,
            shown=self._shown,
        )

    def _split(self) -> Segment:
        """Close the open segment at its longest gap, in its second half."""
        half = len(self._words) // 2
        gaps = [
            (self._words[index].start - self._words[index - 1].end, index)
            for index in range(max(half, 1), len(self._words))
        ]
        return self._close_before(max(gaps)[1] if gaps else len(self._words))

    def _part(self, parting: Parting | None) -> list[Segment]:
        """Close what others said before the last speaker of the open segment."""
        changed: list[Segment] = []
        while parting is not None and self._words and (index := parting(self._words)):
            changed.append(self._close_before(index))
        return changed

    def _close_before(self, index: int) -> Segment:
        """Close the open segment with its first words; the others stay open."""
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
        self._shown = Shown()
        return segment

    def _segment(self, words: Sequence[Word], *, is_final: bool) -> Segment:
        return Segment(
            segment_id=f"seg-{self._closed + 1:05d}",
            text=join_words(list(words), self._language),
            language=self._language,
            confidence=mean_confidence(list(words)),
            start=words[0].start if words else self._shown.start,
            end=words[-1].end if words else self._shown.start,
            words=tuple(words),
            is_final=is_final,
        )
