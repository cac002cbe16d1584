"""``livetranslate captions`` against a server: text for people, JSON for programs, exit codes."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from rich.console import Console

from livetranslate.domain.events import (
    SpeakerUpdate,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.messages import ErrorMessage
from livetranslate.domain.speakers import SpeakerSource
from livetranslate.domain.speech import Word
from livetranslate.services.cli import app as cli
from livetranslate.services.cli.caption_view import CaptionView
from support.captions_server import CaptionsServer
from support.sound import noise, s16
from support.speech import recording

FILE = str(recording("en_22").path)
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[CaptionsServer]:
    """A server in a thread, for commands that have an event loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = CaptionsServer()
    asyncio.run_coroutine_threadsafe(made.listen(0), loop).result(10)
    yield made
    asyncio.run_coroutine_threadsafe(made.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def result(
    segment: str, *words: str, final: bool, committed: int = 0, speaker: str | None = None
) -> TranscriptionResult:
    return TranscriptionResult(
        session_id="s",
        timestamp=NOW,
        segment_id=segment,
        text=" ".join(words),
        language="en",
        confidence=None,
        start=0,
        end=1,
        is_final=final,
        speaker_name=speaker,
        words=tuple(
            Word(word, 0, 1, None, final or at < committed) for at, word in enumerate(words)
        ),
    )


def translation(
    segment: str, text: str, *, final: bool = True, error: str | None = None
) -> TranslationResult:
    return TranslationResult(
        session_id="s",
        timestamp=NOW,
        segment_id=segment,
        translated_text=text,
        source_language="en",
        target_language="es",
        confidence=None,
        is_final=final,
        engine="apertium",
        error=error,
    )


def test_a_file_becomes_text(server: CaptionsServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["captions", FILE, "--fast", "--url", server.url, "-l", "en"]) == 0
    (kept,) = server.sessions.values()
    assert b"".join(kept.chunks) == s16(recording("en_22").audio)
    assert kept.config.language == "en"
    out = capsys.readouterr()
    assert out.out.split() == [f"w{n}" for n in range(len(kept.chunks))]
    assert "it is [here]" in out.err


def test_json_is_an_event_a_line(
    server: CaptionsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.cuts = [4]
    command = ["captions", FILE, "--speed", "50", "--url", server.url, "--json", "-t", "es"]
    assert cli.run(command) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["type"] == "session_started"
    assert events[-1]["type"] == "session_ended"
    assert [event["event_id"] for event in events] == list(range(1, len(events) + 1))
    (kept,) = server.sessions.values()
    assert kept.config.target_languages == ("es",)


def test_standard_input(
    server: CaptionsServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pcm = s16(noise(0.35))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(pcm)))
    assert cli.run(["captions", "-", "--url", server.url]) == 0
    (kept,) = server.sessions.values()
    assert b"".join(kept.chunks) == pcm
    assert capsys.readouterr().out.split() == ["w0", "w1", "w2", "w3"]


def test_errors_end_with_one_and_say_what_to_do(
    server: CaptionsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["captions", "nowhere.wav"]) == 1
    assert "nowhere.wav" in capsys.readouterr().err
    assert cli.run(["captions", FILE, "--url", "ws://127.0.0.1:9/ws"]) == 1
    assert "livetranslate up" in capsys.readouterr().err
    assert cli.run(["captions", __file__, "--fast", "--url", server.url]) == 1
    assert "known format" in capsys.readouterr().err
    server.fail = True
    assert cli.run(["captions", FILE, "--fast", "--url", server.url]) == 1
    shown = capsys.readouterr()
    assert "it broke" in shown.err
    assert "w0" in shown.out
    server.refuse_start = ErrorMessage(code="invalid_input", message="no", field="config.model")
    assert cli.run(["captions", FILE, "--url", server.url, "--model", "x"]) == 1
    assert "config.model" in capsys.readouterr().err


def test_final_segments_wait_for_their_translations_in_order() -> None:
    view = CaptionView(("es",))
    assert view.apply(result("1", "good", final=False)) == []
    assert view.apply(result("1", "good", "day", final=True, speaker="Ann")) == []
    assert view.apply(result("2", "bye", final=True)) == []
    assert view.apply(translation("2", "adiós")) == []
    assert view.apply(translation("1", "buen", final=False)) == []
    shown = [line.plain for line in view.apply(translation("1", "buen día"))]
    assert shown == ["Ann: good day", "  es  buen día", "bye", "  es  adiós"]
    assert view.rest() == []


def test_a_missing_translation_holds_up_three_segments_at_most() -> None:
    view = CaptionView(("es",))
    for name in "123":
        assert view.apply(result(name, name, final=True)) == []
    assert [line.plain for line in view.apply(result("4", "4", final=True))] == ["1"]
    assert [line.plain for line in view.apply(translation("1", "uno"))] == ["  es  uno"]
    assert [line.plain for line in view.rest()] == ["2", "3", "4"]


def test_a_failed_translation_says_why() -> None:
    view = CaptionView(("es",))
    view.apply(result("1", "a", final=True))
    lines = view.apply(translation("1", "", error="no pair"))
    assert [line.plain for line in lines] == ["a", "  es  no translation: no pair"]


def test_unstable_words_are_dim_and_speakers_arrive_late() -> None:
    view = CaptionView()
    view.apply(result("1", "it", "was", "the", final=False, committed=2))
    view.apply(
        SpeakerUpdate(
            session_id="s",
            timestamp=NOW,
            speaker_id="SPEAKER_00",
            speaker_name=None,
            segment_ids=("1",),
            source=SpeakerSource.DIARIZATION,
            confidence=0.5,
        )
    )
    drawn_on = io.StringIO()
    console = Console(file=drawn_on, force_terminal=True, color_system="standard", width=60)
    console.print(view.tail())
    drawn = drawn_on.getvalue()
    assert "SPEAKER_00: " in drawn
    assert "it was \x1b[2mthe\x1b[0m" in drawn
