"""Text in any script: its shapes and direction, and lines that do not jump."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from livetranslate.meetings.webcam.text.fonts import FontLibrary, FontsMissing, system_fonts
from livetranslate.meetings.webcam.text.itemise import clean, clusters, is_right_to_left, told
from livetranslate.meetings.webcam.text.shaping import Shaper, coverage
from livetranslate.meetings.webcam.text.wrapping import units, wrap
from support.pictures import likeness

NOTO = Path("/usr/share/fonts/truetype/noto")
CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
SIZE = 40


def needs(path: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.is_file(), reason=f"needs the font {path.name}")


def case(name: str, path: Path, language: str, text: str):
    return pytest.param(path, language, text, id=name, marks=needs(path))


SCRIPTS = [
    case("latin", NOTO / "NotoSans-Regular.ttf", "en", "office, Ångström — naïve"),
    case("arabic", NOTO / "NotoSansArabic-Regular.ttf", "ar", "مرحبا بكم في الاجتماع"),
    case("arabic-number", NOTO / "NotoSansArabic-Regular.ttf", "ar", "عام 2025 في 17 يوما"),
    case("hebrew", NOTO / "NotoSansHebrew-Regular.ttf", "he", "שלום לכולם"),
    case("hindi", NOTO / "NotoSansDevanagari-Regular.ttf", "hi", "क्षत्रिय नमस्ते हिन्दी में"),
    case("thai", NOTO / "NotoSansThai-Regular.ttf", "th", "สวัสดีครับ ที่นี่"),
    case("japanese", CJK, "ja", "今日は会議です。"),
]


def by_pillow(path: Path, language: str, text: str) -> NDArray[np.uint8]:
    """The text as FriBidi, Raqm and FreeType write it, in white on black."""
    font = ImageFont.truetype(str(path), SIZE, layout_engine=ImageFont.Layout.RAQM)
    picture = Image.new("RGB", (900, 120))
    direction = "rtl" if is_right_to_left(text, language) else "ltr"
    ImageDraw.Draw(picture).text((20, 20), text, "white", font, direction=direction)
    return np.asarray(picture)


def ours(text: str, language: str) -> NDArray[np.uint8]:
    return coverage(Shaper(system_fonts(), SIZE).line(clean(text), language), 38, 14)


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow has no Raqm here")
@pytest.mark.parametrize(("path", "language", "text"), SCRIPTS)
def test_text_is_written_as_another_shaper_writes_it(path: Path, language: str, text: str):
    assert likeness(by_pillow(path, language, text), ours(text, language)) > 0.85


@needs(NOTO / "NotoSansArabic-Regular.ttf")
def test_an_unshaped_text_is_told_from_a_shaped_one():
    path, text = NOTO / "NotoSansArabic-Regular.ttf", "مرحبا بكم في الاجتماع"
    apart = "\u200c".join(text)
    assert likeness(by_pillow(path, "ar", text), ours(apart, "ar")) < 0.7


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12), st.sampled_from(["en", "ar", "hi", "ja", "und"]))
def test_any_text_can_be_written(text: str, language: str):
    fonts = system_fonts()
    written, _ = told(clean(text), language, fonts)
    shaper = Shaper(fonts, SIZE)
    lines = wrap(units(written, language), lambda part: shaper.width(part, language), 200, [])
    assert "".join("".join(line) for line in lines) == written
    for line in lines:
        coverage(shaper.line("".join(line), language), 38, 14)


@needs(NOTO / "NotoSansHebrew-Regular.ttf")
def test_latin_in_hebrew_stands_where_it_belongs():
    line = Shaper(system_fonts(), SIZE).line("שלום Meet עולם", "he")
    starts = {glyph.face.name: glyph.x for glyph in line.glyphs}
    latin = [glyph.x for glyph in line.glyphs if glyph.face.name == "NotoSans regular"]
    assert line.right_to_left and "NotoSansHebrew regular" in starts
    hebrew = [glyph.x for glyph in line.glyphs if "Hebrew" in glyph.face.name]
    assert min(hebrew) < min(latin) and max(latin) < max(hebrew)


@pytest.mark.parametrize(
    ("text", "language", "right_to_left"),
    [("abc", "en", False), ("abc", "ar", True), ("אב", "und", True), ("12 ab", "und", False)],
)
def test_the_direction_is_the_languages_or_the_first_letters(
    text: str, language: str, right_to_left: bool
):
    assert is_right_to_left(text, language) is right_to_left


def test_a_character_no_font_has_is_told_in_its_place(tmp_path: Path):
    fonts = one_font(tmp_path)
    text, missing = told(clean("say नमस्ते and 漢字 👍 now नमस्ते"), "en", fonts)
    assert text == "say [no font: DEVANAGARI] and [no font: CJK] now"
    assert missing == {"DEVANAGARI", "CJK", "pictograms"}


def test_no_font_at_all_names_the_remedy(tmp_path: Path):
    with pytest.raises(FontsMissing, match="fonts-noto-core"):
        FontLibrary((tmp_path,), system=False)


def test_a_broken_font_file_is_passed_over(tmp_path: Path):
    (tmp_path / "NotoSansArabic-Regular.ttf").write_bytes(b"no font")
    fonts = one_font(tmp_path)
    assert fonts.face("a", "en") is not None
    assert fonts.face("\u0985", "bn") is None


def one_font(folder: Path) -> FontLibrary:
    """A library of nothing but one Latin font."""
    candidates = [
        NOTO / "NotoSans-Regular.ttf",
        Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    ]
    source = next((path for path in candidates if path.is_file()), None)
    if source is None:
        pytest.skip("needs a font of Noto or DejaVu")
    (folder / "NotoSans-Regular.ttf").symlink_to(source)
    return FontLibrary((folder,), system=False)


def width(text: str) -> float:
    return float(len(text))


words = st.lists(st.text("abcdefgh", min_size=1, max_size=12), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None)
@given(words, words, st.integers(4, 30))
def test_words_stay_on_their_line_while_the_text_grows(
    first: list[str], more: list[str], limit: int
):
    before = wrap(units(" ".join(first), "en"), width, limit, [])
    after = wrap(units(" ".join(first + more), "en"), width, limit, before)
    for old, new in zip(before, after, strict=False):
        assert "".join(new).startswith("".join(old))
    assert "".join("".join(line) for line in after) == " ".join(first + more)
    assert all(len("".join(line).rstrip()) <= limit for line in after)


@settings(max_examples=100, deadline=None)
@given(words, st.data(), st.integers(12, 30))
def test_a_revised_word_moves_no_line_that_still_fits(
    text: list[str], data: st.DataObject, limit: int
):
    before = wrap(units(" ".join(text), "en"), width, limit, [])
    at = data.draw(st.integers(0, len(text) - 1))
    shorter = [*text[:at], text[at][:1], *text[at + 1 :]]
    after = wrap(units(" ".join(shorter), "en"), width, limit, before)
    heads = {len(units("".join("".join(one) for one in before[:n]), "en")) for n in range(1, 40)}
    if at not in heads:
        assert [len(line) for line in after] == [len(line) for line in before]


def test_text_without_blanks_breaks_between_phrases_and_marks_stay_with_their_letters():
    assert units("今日は天気が良いです。", "ja")[0] == "今日は"
    assert len(units("สวัสดีครับยินดีต้อนรับ", "th")) > 2
    assert list(clusters("हिन्दी")) == ["हि", "न्", "दी"]


def test_a_word_wider_than_a_line_is_cut():
    lines = wrap(units("a" * 25, "en"), width, 10, [])
    assert [len("".join(line)) for line in lines] == [10, 10, 5]
