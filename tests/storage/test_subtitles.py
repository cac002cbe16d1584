"""Every subtitle file parses with two different parsers, and says what was said."""

from __future__ import annotations

import html
import re
import unicodedata

import pysubs2
import pytest
import srt
import webvtt
from hypothesis import example, given
from hypothesis import strategies as st

from livetranslate.storage.subtitles import JOINER, Cue, subtitle_file
from support.odd_texts import ODD_TEXTS

times = st.floats(min_value=0.0, max_value=50 * 3600.0).map(lambda value: round(value, 3))
texts = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
    st.text("<>-&;{}\\NnhAaiz/! :,.0123456789\n", max_size=30),
)
cues = st.builds(
    lambda start, length, lines: Cue(start, start + length, tuple(lines)),
    times,
    st.sampled_from((-1.0, 0.0, 0.001, 1.5, 7200.0)),
    st.lists(texts, min_size=1, max_size=2),
)


def said(text: str) -> str:
    """Return a text as it has to arrive: on one line, with round braces, nothing invisible."""
    line = "".join(sign for sign in " ".join(text.split()) if unicodedata.category(sign) != "Cc")
    return line.translate(str.maketrans("{}", "()")).replace(JOINER, "").strip()


def expected(wanted: list[Cue]) -> list[tuple[float, str]]:
    """Return each cue's start and its text, without those that have none."""
    found = []
    for cue in sorted(wanted, key=lambda cue: cue.start):
        lines = [line for line in map(said, cue.lines) if line]
        if lines:
            found.append((cue.start, "\n".join(lines)))
    return found


def same(found: list[tuple[float, str]], wanted: list[Cue]) -> bool:
    cleaned = [(start, text.replace(JOINER, "")) for start, text in found]
    right = expected(wanted)
    return [text for _, text in cleaned] == [text for _, text in right] and all(
        abs(mine[0] - other[0]) < 0.0011 for mine, other in zip(cleaned, right, strict=True)
    )


def with_examples(check):
    for text in ODD_TEXTS:
        check = example([Cue(0.0, 1.0, (text,)), Cue(0.5, 0.5, (text, "below"))])(check)
        check = example([Cue(0.0, 1.0, ("above", text))])(check)
    return check


@with_examples
@given(st.lists(cues, max_size=5))
def test_srt(wanted: list[Cue]) -> None:
    text = subtitle_file(wanted, "srt")
    strict = [(one.start.total_seconds(), one.content) for one in srt.parse(text)]
    assert same(strict, wanted), text
    loose = pysubs2.SSAFile.from_string(text, format_="srt")
    assert same([(one.start / 1000, one.plaintext) for one in loose], wanted), text
    assert all(one.duration > 0 for one in loose)


@with_examples
@given(st.lists(cues, max_size=5))
def test_vtt(wanted: list[Cue]) -> None:
    text = subtitle_file(wanted, "vtt")
    assert text.startswith("WEBVTT\n")
    first = webvtt.from_string(text)
    found = [(one.start_in_seconds, html.unescape(one.raw_text)) for one in first.captions]
    assert [one[1].replace(JOINER, "") for one in found] == [one[1] for one in expected(wanted)]
    second = pysubs2.SSAFile.from_string(text, format_="vtt")
    loose = [(one.start / 1000, html.unescape(one.plaintext)) for one in second]
    assert same(loose, wanted), text


def test_what_has_no_text_is_left_out_and_order_is_by_time() -> None:
    text = subtitle_file(
        [Cue(5.0, 6.0, ("second",)), Cue(1.0, 1.0, (" \n", "")), Cue(2.0, 3.0, ("first",))], "srt"
    )
    assert [one.content for one in srt.parse(text)] == ["first", "second"]
    assert subtitle_file([], "vtt").strip() == "WEBVTT"


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_times_that_no_format_can_tell_are_bounded(form: str) -> None:
    text = subtitle_file([Cue(-3.0, -1.0, ("early",)), Cue(1e9, 2e9, ("late",))], form)
    stamps = re.findall(r"(\S+) --> (\S+)", text)
    assert [stamp.replace(",", ".") for stamp in stamps[0]] == ["00:00:00.000", "00:00:00.500"]
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d[.,]\d{3}", one) for pair in stamps for one in pair)
