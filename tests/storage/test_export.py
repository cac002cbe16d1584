import json

import pysubs2
import pytest

from livetranslate.domain.errors import InvalidInput, UnsupportedLanguage
from livetranslate.storage.export import ExportFormat, export
from livetranslate.storage.found import Transcript, TranscriptSegment, TranslatedText
from livetranslate.storage.subtitles import JOINER
from support.events import T0


def said(
    number: int,
    text: str,
    speaker: str | None = None,
    start: float | None = None,
    **translated: str,
) -> TranscriptSegment:
    begin = number * 2.0 if start is None else start
    return TranscriptSegment(
        segment_id=f"s{number}",
        text=text,
        language="en",
        confidence=None,
        start=begin if begin >= 0 else None,
        end=begin + 1.5,
        speaker_id=speaker,
        speaker_name=None,
        words=[],
        translations={
            target: TranslatedText(
                translated_text=into, source_language="en", confidence=None, engine=None
            )
            for target, into in translated.items()
        },
    )


TRANSCRIPT = Transcript(
    session_id="session-1-a",
    title="A *title*",
    created_at=T0,
    segments=[
        said(0, "if a < b & c --> d {x}", "Ada", es="si a < b"),
        said(1, "two\nlines", start=3661.5),
        said(2, "no time", start=-9.0, fr="sans temps"),
    ],
)


def subtitles(form: ExportFormat, language: str | None = None) -> pysubs2.SSAFile:
    text = export(TRANSCRIPT, form, language=language).decode()
    return pysubs2.SSAFile.from_string(text, format_=form.value)


def test_text_has_a_line_a_segment() -> None:
    assert export(TRANSCRIPT, ExportFormat.TXT).decode().splitlines() == [
        "Ada: if a < b & c --> d {x}",
        "two lines",
        "no time",
    ]


def test_in_a_language_with_what_was_spoken_where_it_lacks() -> None:
    lines = export(TRANSCRIPT, ExportFormat.TXT, language="es").decode().splitlines()
    assert lines == ["Ada: si a < b", "two lines", "no time"]


@pytest.mark.parametrize("form", list(ExportFormat))
def test_language_that_nothing_is_in(form: ExportFormat) -> None:
    with pytest.raises(UnsupportedLanguage, match="en, es, fr"):
        export(TRANSCRIPT, form, language="de")
    empty = Transcript(session_id="s", title=None, created_at=T0, segments=[])
    assert isinstance(export(empty, form, language="de"), bytes)


def test_json_is_the_transcript() -> None:
    document = json.loads(export(TRANSCRIPT, ExportFormat.JSON))
    assert document["segments"][0]["translations"]["es"]["translated_text"] == "si a < b"
    only = json.loads(export(TRANSCRIPT, ExportFormat.JSON, language="fr"))
    assert [list(one["translations"]) for one in only["segments"]] == [[], [], ["fr"]]


def test_srt_times_and_text() -> None:
    text = export(TRANSCRIPT, ExportFormat.SRT).decode().replace(JOINER, "")
    assert "00:00:00,000 --> 00:00:01,500" in text
    assert "01:01:01,500 --> 01:01:03,000" in text
    first, second = subtitles(ExportFormat.SRT)
    assert "\nAda: if a < b & c --> d (x)\n" in text
    assert first.plaintext.replace(JOINER, "") == "Ada: if a < b & c --> d (x)"
    assert second.plaintext == "two lines"
    spanish = subtitles(ExportFormat.SRT, "es")[0].plaintext
    assert spanish.replace(JOINER, "") == "Ada: si a < b"


def test_two_languages_below_each_other() -> None:
    text = export(TRANSCRIPT, ExportFormat.VTT, language="es", bilingual=True).decode()
    assert "Ada: if a &lt; b &amp; c --&gt; d (x)\nsi a &lt; b\n" in text
    lines = export(TRANSCRIPT, ExportFormat.TXT, language="fr", bilingual=True).decode()
    assert lines.splitlines()[-2:] == ["no time", "sans temps"]
    notes = export(TRANSCRIPT, ExportFormat.MD, language="es", bilingual=True).decode()
    assert "> *es:* si a" in notes
    assert "fr" not in notes
    with pytest.raises(InvalidInput) as caught:
        export(TRANSCRIPT, ExportFormat.TXT, bilingual=True)
    assert caught.value.field == "language"


def test_vtt_is_what_browsers_take() -> None:
    text = export(TRANSCRIPT, ExportFormat.VTT).decode()
    assert text.startswith("WEBVTT\n")
    assert "00:00:00.000 --> 00:00:01.500" in text
    assert "if a &lt; b &amp; c --&gt; d" in text


def test_markdown() -> None:
    text = export(TRANSCRIPT, ExportFormat.MD).decode()
    assert text.startswith("# A \\*title\\*\n")
    assert "- Duration: 01:01:03\n- Speakers: Ada\n- Spoken: en\n- Translated into: es, fr" in text
    assert "**00:00:00** **Ada:** if a &lt; b &amp; c" in text
    assert "> *es:* si a &lt; b" in text
    assert "**--:--:--** no time" in text
    assert "> *" not in export(TRANSCRIPT, ExportFormat.MD, language="es").decode()
