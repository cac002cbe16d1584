"""The guards: what nobody said goes, what somebody said stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.asr.guards import GuardOptions, guarded
from livetranslate.domain.speech import Hypothesis, Word
from support.words import spoken, texts


def checked(
    words: Sequence[Word],
    *,
    no_speech: float | None = None,
    final: bool = False,
    has_speech: Callable[[float, float], bool] = lambda _start, _end: True,
) -> list[str]:
    hypothesis = Hypothesis(words=tuple(words), language="en", no_speech=no_speech)
    found = guarded(hypothesis, GuardOptions(), final=final, has_speech=has_speech)
    assert found.language == "en"
    return texts(found.words)


@pytest.mark.parametrize(
    "text",
    [
        "it is very very very good",
        "zero zero zero four nine",
        "no no no no",
        "one two one two one two one two go",
    ],
)
@pytest.mark.parametrize("final", [False, True])
def test_what_is_really_said_again_stays(text: str, final: bool) -> None:
    assert checked(spoken(text, each=0.25), final=final) == text.split()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("thank you thank you thank you thank you", "thank you"),
        ("we say you you you you", "we say you"),
        ("a b c d e f g h " * 3, "a b c d e f g h"),
        ("so Yes, yes. YES!", "so Yes,"),
        ("all of it all of it all of it all", "all of it"),
    ],
)
def test_unsure_loops_keep_their_first_turn(text: str, kept: str) -> None:
    assert checked(spoken(text, confidence=0.2)) == kept.split()


@pytest.mark.parametrize(
    "text", ["one four four four nine", "so Yes, yes. YES! and more", "bye bye bye bye then"]
)
def test_unsure_repetitions_that_somebody_ended_stay(text: str) -> None:
    assert checked(spoken(text, confidence=0.2)) == text.split()


def test_loops_faster_than_speech_keep_their_first_turn() -> None:
    said = spoken("we sold", each=0.4)
    loop = [Word("it", 0.8 + 0.05 * n, 0.85 + 0.05 * n, 0.99) for n in range(6)]
    stalls_apart = GuardOptions(stall_s=0.0)
    hypothesis = Hypothesis(words=tuple(said + loop), language="en")
    found = guarded(hypothesis, stalls_apart, final=False, has_speech=lambda _a, _b: True)
    assert texts(found.words) == ["we", "sold", "it"]


def test_twice_is_no_loop() -> None:
    assert checked(spoken("you you and you", confidence=0.2)) == ["you", "you", "and", "you"]


def test_words_of_which_no_confidence_is_known_are_not_unsure() -> None:
    assert checked(spoken("go go go go", confidence=None)) == ["go"] * 4


@pytest.mark.parametrize(
    ("no_speech", "confidence", "kept"),
    [(0.9, 0.2, 0), (0.9, 0.8, 2), (0.3, 0.2, 2), (None, 0.2, 2), (0.0, 0.05, 0), (None, 0.05, 0)],
)
def test_unsure_text_where_there_is_hardly_speech_goes_and_hopeless_text_anywhere(
    no_speech: float | None, confidence: float, kept: int
) -> None:
    assert len(checked(spoken("thank you", confidence=confidence), no_speech=no_speech)) == kept


def test_the_tail_behind_the_last_speech_goes() -> None:
    words = spoken("see you soon thanks for watching")
    assert checked(words, has_speech=lambda start, _end: start < 1.5) == ["see", "you", "soon"]
    assert checked(words, has_speech=lambda _start, _end: False) == []


def test_a_pause_inside_is_no_tail() -> None:
    words = spoken("see you soon")
    assert checked(words, has_speech=lambda start, _end: start != 0.5) == ["see", "you", "soon"]


def stalled(*durations: float) -> list[Word]:
    words: list[Word] = []
    at = 0.0
    for number, duration in enumerate(durations):
        words.append(Word(f"w{number}", at, at + duration, 0.9))
        at += duration
    return words


@pytest.mark.parametrize(
    ("durations", "final", "kept"),
    [
        ((0.3, 0.3, 0.0, 0.0, 0.3), False, 2),
        ((0.3, 0.3, 0.0, 0.0, 0.3), True, 2),
        ((0.3, 0.02, 0.3), False, 3),  # a short word between others is one
        ((0.3, 0.3, 0.02), False, 2),  # the last one is not trusted yet
        ((0.3, 0.3, 0.02), True, 3),  # nothing follows that would prove it wrong
        ((0.02,), True, 1),
        ((0.3, 0.08, 0.08), False, 3),
    ],
)
def test_text_from_where_the_attention_stands_still_goes(
    durations: tuple[float, ...], final: bool, kept: int
) -> None:
    assert len(checked(stalled(*durations), final=final)) == kept


@given(
    words=st.lists(
        st.builds(
            Word,
            word=st.sampled_from("a b c".split()),
            start=st.floats(0, 5),
            end=st.floats(5, 10),
            confidence=st.none() | st.floats(0, 1),
        ),
        max_size=12,
    ),
    no_speech=st.none() | st.floats(0, 1),
    final=st.booleans(),
    silent_from=st.floats(0, 10),
)
def test_only_a_tail_ever_goes(
    words: list[Word], no_speech: float | None, final: bool, silent_from: float
) -> None:
    kept = checked(
        words, no_speech=no_speech, final=final, has_speech=lambda start, _: start < silent_from
    )
    assert kept == texts(words)[: len(kept)]
