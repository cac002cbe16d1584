"""``livetranslate transcribe`` from the outside, with the fixture model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pysubs2
import pytest
from structlog.testing import capture_logs

from livetranslate.services.cli.app import run
from support.speech import recording

Command = Callable[..., tuple[int, str, str]]

EXACT = recording("en_00")
OTHER = recording("en_05")
SPANISH = recording("es_34")


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], whisper_fixture: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        with capture_logs():  # the program's own logs go to standard error; see ``main``
            code = run(["transcribe", "--model", str(whisper_fixture), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_text_on_standard_output_and_the_engine_beside_it(command: Command) -> None:
    code, out, err = command(str(EXACT.path), "-l", "en")
    assert code == 0
    assert " ".join(out.split()) == EXACT.text
    assert "faster-whisper" in err
    assert "100%" in err


def test_several_files_have_headings(command: Command) -> None:
    code, out, _ = command(str(EXACT.path), str(OTHER.path))
    assert code == 0
    assert out.index(f"{EXACT.path}:") < out.index("Tuesday") < out.index(f"{OTHER.path}:")


def test_json_is_a_document_a_line(command: Command) -> None:
    code, out, _ = command(str(EXACT.path), str(SPANISH.path), "--json")
    assert code == 0
    english, spanish = [json.loads(line) for line in out.splitlines()]
    assert (english["file"], english["text"]) == (str(EXACT.path), EXACT.text)
    assert (english["language"], spanish["language"]) == ("en", "es")
    assert english["engine"] == "faster-whisper"
    assert english["engine_reason"]
    words = [word["word"] for segment in english["segments"] for word in segment["words"]]
    assert words == EXACT.text.split()


def test_each_file_gets_its_transcript_in_the_folder(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    files = (str(EXACT.path), str(OTHER.path))
    code, out, err = command(*files, "--format", "vtt", "--output", str(folder))
    assert (code, out) == (0, "")
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{EXACT.file}.vtt", f"{OTHER.file}.vtt"]
    assert all(name in err for name in names)
    subtitles = pysubs2.load(str(folder / names[0]))
    assert " ".join(event.plaintext for event in subtitles) == EXACT.text
    assert 0 <= subtitles[0].start < subtitles[0].end <= EXACT.duration * 1000


@pytest.mark.parametrize(("form", "sign"), [("srt", "-->"), ("md", "# en"), ("json", '"words"')])
def test_one_file_in_any_format_on_standard_output(command: Command, form: str, sign: str) -> None:
    code, out, _ = command(str(EXACT.path), "--format", form)
    assert code == 0
    assert sign in out


def test_a_bad_file_does_not_hold_up_the_others(command: Command, tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"no audio at all")
    files = (str(tmp_path / "gone.wav"), str(tmp_path / "noise.wav"), str(EXACT.path))
    code, out, err = command(*files, "-l", "en")
    assert code == 1
    assert "Tuesday" in out
    assert "gone.wav" in err
    assert "known format" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--language", "nonsense"), "language"),
        (("--language", "tlh"), "does not know the language"),
        (("--engine", "magic"), "pocketsphinx"),
        (("--model", "base", "--engine", "faster-whisper"), "livetranslate models download base"),
        (("--format", "srt", str(OTHER.path)), "--output DIR"),
    ],
)
def test_what_cannot_be_done_is_said(
    command: Command, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = command(str(EXACT.path), *arguments)
    assert (code, out) == (1, "")
    assert words in err


def test_a_folder_that_cannot_be_made_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    code, _, err = command(str(EXACT.path), "-l", "en", "--output", str(tmp_path / "taken"))
    assert code == 1
    assert "--output" in err
    assert "Traceback" not in err


def test_a_format_that_is_not_there_is_a_usage_error(command: Command) -> None:
    assert command(str(EXACT.path), "--format", "doc")[0] == 2
    assert command()[0] == 2
