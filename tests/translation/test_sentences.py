"""Long text is cut without losing a character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.translation.sentences import (
    last_sentence,
    split_text,
    unfinished_sentence,
)


@given(st.text(alphabet="ab ,.!?\n。字", max_size=200), st.integers(1, 40))
def test_pieces_joined_are_the_text_and_none_is_too_long(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert "".join(pieces) == text
    assert all(len(piece) <= limit for piece in pieces)


def test_cuts_are_at_sentences_then_commas_then_blanks() -> None:
    assert split_text("One is here. Two is there. Three.", 19) == [
        "One is here. ",
        "Two is there. ",
        "Three.",
    ]
    assert split_text("one two three, four five", 20) == ["one two three, ", "four five"]
    assert split_text("one two three four", 10) == ["one two ", "three four"]
    assert split_text("short", 20) == ["short"]


@pytest.mark.parametrize(
    ("context", "unfinished", "last"),
    [
        ("", "", ""),
        ("All done.", "", "All done."),
        ("All done. We want to", "We want to", "We want to"),
        ('He said "stop!"', "", 'He said "stop!"'),
        ("About budgets\n", "", "About budgets"),
        ("About budgets\nWe want to", "We want to", "We want to"),
    ],
)
def test_where_a_context_ends(context: str, unfinished: str, last: str) -> None:
    assert unfinished_sentence(context) == unfinished
    assert last_sentence(context) == last
