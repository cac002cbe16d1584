"""Glossaries hold, whatever the engine does to the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.glossary import Glossary
from livetranslate.translation.glossary_engine import translate_with_glossary
from support.scripted_engine import ScriptedEngine

WORDS = st.text(alphabet="abcdeé", min_size=1, max_size=4)
TEXTS = st.lists(WORDS | st.sampled_from([".", ",", "Zq", "zqxax", "AB", "a"]), max_size=12).map(
    " ".join
)
GLOSSARIES = st.dictionaries(WORDS, st.text("uvwxyz", min_size=1, max_size=6), max_size=4)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The Deadline is near", {"Deadline": "plazo"}),
        ("undeadlined", {}),
        ("DEADLINE, deadline-based", {"DEADLINE": "plazo", "deadline": "plazo"}),
        ("sales  report", {"sales  report": "informe"}),
        ("a sales report", {"sales report": "informe"}),
        ("sales", {"sales": "ventas"}),
        ("C++ is fine", {"C++": "ce más más"}),
    ],
)
def test_terms_are_whole_words_longest_first(text: str, terms: dict[str, str]) -> None:
    glossary = Glossary(
        {
            "deadline": "plazo",
            "sales": "ventas",
            "sales report": "informe",
            "c++": "ce más más",
            "  ": "nothing",
        }
    )
    found = glossary.occurs_in(text)
    assert {term: target.lower() for term, target in found.items()} == terms


def test_terms_in_scripts_without_blanks_are_found_inside_text() -> None:
    assert Glossary({"会議": "reunión"}).occurs_in("明日の会議です") == {"会議": "reunión"}


def test_a_term_that_opens_a_sentence_keeps_its_capital() -> None:
    glossary = Glossary({"deadline": "plazo"})
    assert glossary.pieces("Deadline. The Deadline")[0].translation == "Plazo"
    assert glossary.pieces("Deadline. The Deadline")[-1].translation == "plazo"


@given(TEXTS, GLOSSARIES)
def test_what_is_hidden_comes_back(text: str, terms: dict[str, str]) -> None:
    glossary = Glossary(terms)
    protected = glossary.protect(text)
    restored = protected.restore(protected.text.swapcase()) if protected.hidden else text
    assert restored is not None
    expected = "".join(
        piece.translation if piece.translation is not None else piece.text.swapcase()
        for piece in glossary.pieces(text)
    )
    assert restored == (expected if protected.hidden else text)
    assert protected.count_in(protected.text) == len(protected.hidden)
    assert "".join(piece.text for piece in glossary.pieces(text)) == text
    for word in protected.hidden:
        assert word.lower() not in text.lower()


@given(TEXTS, GLOSSARIES)
async def test_every_engine_keeps_every_term(text: str, terms: dict[str, str]) -> None:
    for takes_glossary, loses in ((False, ()), (False, ("Zq",)), (True, ())):
        engine = ScriptedEngine("loud", "en-es")
        engine.takes_glossary = takes_glossary  # it claims so, but does nothing with it
        engine.loses = loses
        [output] = await translate_with_glossary(engine, request(text, terms))
        for target in Glossary(terms).occurs_in(text).values():
            assert re.search(rf"(?<!\w){re.escape(target)}(?!\w)", output.text, re.IGNORECASE)


async def test_an_engine_without_glossary_never_sees_a_term() -> None:
    engine = ScriptedEngine("loud", "en-es")
    terms = {"deadline": "plazo"}
    [output] = await translate_with_glossary(engine, request("the deadline is near", terms))
    assert output.text == "THE plazo IS NEAR"
    assert all("deadline" not in text for call in engine.calls for text in call.texts)
    assert all(not call.glossary for call in engine.calls)


async def test_where_the_hidden_word_gets_lost_the_pieces_are_translated() -> None:
    engine = ScriptedEngine("loud", "en-es")
    engine.loses = ("Zq",)
    terms = {"deadline": "plazo"}
    first, second = await translate_with_glossary(
        engine, request(" the deadline, is near ", terms, "other words")
    )
    assert first.text == " THE plazo, IS NEAR "
    assert second.text == "OTHER WORDS"


def request(text: str, terms: dict[str, str], *more: str) -> TranslationRequest:
    return TranslationRequest(
        texts=(text, *more), source_language="en", target_language="es", glossary=terms
    )
