"""Segments: where they end, what they say of themselves, and that no word is lost on the way."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.asr.segmenter import (
    Segmenter,
    SegmenterOptions,
    SegmenterState,
    ends_sentence,
)
from livetranslate.domain.speech import Segment, Word
from support.words import spoken, texts


def segmenter(max_segment_s: float = 20.0) -> Segmenter:
    return Segmenter(SegmenterOptions(max_segment_s=max_segment_s), SegmenterState())


def committed(text: str, **times: float) -> list[Word]:
    return [msgspec.structs.replace(word, committed=True) for word in spoken(text, **times)]


def shown(changed: list[Segment]) -> list[tuple[str, str, bool]]:
    return [(segment.segment_id, segment.text, segment.is_final) for segment in changed]


@pytest.mark.parametrize(
    "word", ["end.", "what?", "no!", "好。", "¿sí?", 'stop."', "(done.)", "so…", "No.", "3."]
)
def test_marks_end_sentences(word: str) -> None:
    assert ends_sentence(word)


@pytest.mark.parametrize("word", ["and", "Mr.", "dr.", "e.g.", "3.5", "well,", '"', "", "Sra."])
def test_other_words_do_not(word: str) -> None:
    assert not ends_sentence(word)


def test_sentences_and_the_tail_behind_them() -> None:
    changed = segmenter().add(
        committed("I see. You too"), spoken("come back", start=2.0), "en", pause=False
    )
    assert shown(changed) == [
        ("seg-00001", "I see.", True),
        ("seg-00002", "You too come back", False),
    ]
    final, open_one = changed
    assert (final.start, final.end, final.language, final.confidence) == (0.0, 1.0, "en", 0.9)
    assert [word.committed for word in open_one.words] == [True, True, False, False]
    assert (open_one.start, open_one.end) == (1.0, 3.0)


def test_a_pause_closes_and_takes_no_tail_along() -> None:
    cut = segmenter()
    cut.add(committed("well then"), spoken("perhaps", start=1.0), "en", pause=False)
    changed = cut.add([], spoken("perhaps", start=1.0), "en", pause=True)
    assert shown(changed) == [("seg-00001", "well then", True)]
    assert (cut.closed, cut.word_count) == (1, 2)


def test_the_same_state_is_told_once() -> None:
    cut = segmenter()
    assert len(cut.add([], spoken("hello there"), "en", pause=False)) == 1
    assert cut.add([], spoken("hello there"), "en", pause=False) == []
    assert cut.add([], [], None, pause=False) != []
    assert cut.add([], [], None, pause=False) == []


def test_that_shown_words_are_committed_now_is_told() -> None:
    cut = segmenter()
    cut.add([], spoken("hello there"), "en", pause=False)
    [changed] = cut.add(committed("hello"), spoken("there", start=0.5), "en", pause=False)
    assert [word.committed for word in changed.words] == [True, False]


def test_a_preview_of_which_nothing_is_left_is_taken_back() -> None:
    cut = segmenter()
    cut.add([], spoken("uh", start=4.0), "en", pause=False)
    [changed] = cut.add([], [], "en", pause=True)
    assert (changed.segment_id, changed.text, changed.words) == ("seg-00001", "", ())
    assert (changed.is_final, changed.start, changed.end) == (False, 4.0, 4.0)
    [after] = cut.add(committed("yes."), [], "en", pause=False)
    assert (after.segment_id, after.text, after.is_final) == ("seg-00001", "yes.", True)


def test_too_long_a_segment_is_cut_at_the_longest_gap_of_its_second_half() -> None:
    words = committed("one two three four five six")
    late = committed("seven eight nine", start=4.0)  # 1 s after «six»
    changed = segmenter(max_segment_s=4.9).add([*words, *late], [], "en", pause=False)
    assert shown(changed) == [
        ("seg-00001", "one two three four five six", True),
        ("seg-00002", "seven eight nine", False),
    ]


def test_one_word_can_be_too_long() -> None:
    [changed] = segmenter(max_segment_s=1.0).add([Word("aaah", 0.0, 3.0)], [], "en", pause=False)
    assert changed.is_final


@pytest.mark.parametrize(
    ("language", "text"), [("ja", "今日は。"), ("zh", "今日は。"), ("en", "今 日 は。")]
)
def test_languages_without_blanks_are_joined_without(language: str, text: str) -> None:
    [changed] = segmenter().add(committed("今 日 は。"), [], language, pause=False)
    assert changed.text == text


def test_an_empty_hypothesis_says_nothing_of_the_language() -> None:
    cut = segmenter()
    cut.add(committed("hola a todos"), [], "es", pause=False)
    [changed] = cut.add([], [], "en", pause=True)
    assert changed.language == "es"


def test_confidence_is_the_mean_of_what_is_known() -> None:
    words = [Word("a", 0, 1, 0.5), Word("b", 1, 2, None), Word("c.", 2, 3, 1.0)]
    [changed] = segmenter().add(words, [], "en", pause=False)
    assert changed.confidence == 0.75
    [changed] = segmenter().add([Word("a.", 0, 1)], [], "en", pause=False)
    assert changed.confidence is None


piece = st.tuples(
    st.lists(st.sampled_from(["so", "it", "ends.", "Mr.", "what?"]), max_size=5),
    st.integers(0, 3),
    st.booleans(),
)


@given(pieces=st.lists(piece, max_size=12), max_s=st.floats(0.6, 5.0), cut_at=st.integers(0, 12))
def test_no_word_is_lost_or_doubled(
    pieces: list[tuple[list[str], int, bool]], max_s: float, cut_at: int
) -> None:
    """Words in are words out, numbers rise by one, and another segmenter can go on anywhere."""
    options = SegmenterOptions(max_segment_s=max_s)
    cut, twin = Segmenter(options, SegmenterState()), Segmenter(options, SegmenterState())
    said: list[str] = []
    finals: list[Segment] = []
    at = 0.0
    for number, (words, tail, pause) in enumerate(pieces):
        if number == cut_at:
            state = msgspec.msgpack.encode(cut.state())
            cut = Segmenter(options, msgspec.msgpack.decode(state, type=SegmenterState))
        new = committed(" ".join(words), start=at)
        at += len(words) * 0.5
        unstable = spoken("and " * tail, start=at)
        changed = cut.add(new, unstable, "en", pause=pause)
        assert changed == twin.add(new, unstable, "en", pause=pause)
        said += words
        finals += [segment for segment in changed if segment.is_final]
        opened = [segment for segment in changed if not segment.is_final]
        assert len(opened) <= 1 and changed[len(changed) - len(opened) :] == opened
    finals += [each for each in cut.add([], [], "en", pause=True) if each.is_final]
    assert [word for segment in finals for word in texts(segment.words)] == said
    assert [segment.segment_id for segment in finals] == [
        f"seg-{number + 1:05d}" for number in range(len(finals))
    ]
    assert (cut.closed, cut.word_count) == (len(finals), len(said))
    assert all(segment.end - segment.start <= max_s + 0.5 for segment in finals)
