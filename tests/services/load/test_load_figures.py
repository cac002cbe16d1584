"""What a load adds up: distributions, shares, promises, and the verdict."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.asr.vad import SileroVad
from livetranslate.asr.voice import as_float
from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.speech import Word
from livetranslate.services.load.figures import Distribution, Figures, total
from livetranslate.services.load.options import LoadOptions, shares
from livetranslate.services.load.promises import Promises
from livetranslate.services.load.report import make_report
from livetranslate.services.load.server import ServerFigures
from livetranslate.services.load.speech import load_speech, synthetic_speech
from support.speech import FOLDER

SECONDS = st.lists(st.floats(0.0002, 100.0), min_size=1, max_size=50)


def distribution(values: list[float]) -> Distribution:
    made = Distribution()
    for value in values:
        made.add(value)
    return made


@given(SECONDS, st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_percentiles_are_right_to_five_percent(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, int(np.ceil(share * len(values)))) - 1]
    assert distribution(values).percentile(share) == pytest.approx(exact, rel=0.0501)


@given(SECONDS, SECONDS)
def test_merged_distributions_are_those_of_all_times(one: list[float], two: list[float]) -> None:
    merged = distribution(one)
    merged.merge(distribution(two))
    assert merged == distribution(one + two)


def test_an_empty_distribution_has_no_percentiles() -> None:
    assert Distribution().percentile(0.5) is None


def test_figures_of_processes_add_up_and_travel() -> None:
    one = Figures(chunks_sent=2, errors={"a": 1}, lost=["x"], done=True)
    one.ack.add(0.1)
    two = Figures(chunks_sent=3, errors={"a": 2, "b": 1}, done=False)
    two.ack.add(0.2)
    sent = msgspec.json.decode(msgspec.json.encode(two), type=Figures)
    whole = total([one, sent])
    assert (whole.chunks_sent, whole.errors, whole.lost) == (5, {"a": 3, "b": 1}, ["x"])
    assert (whole.ack.count, whole.done) == (2, False)
    assert one.errors == {"a": 1}


@given(st.integers(0, 10_000), st.integers(0, 1000), st.integers(1, 16))
def test_shares_add_up_to_the_load(connections: int, sessions: int, processes: int) -> None:
    options = LoadOptions(url="", connections=connections, sessions=sessions)
    parts = shares(options, processes)
    assert sum(part.connections for part in parts) == connections
    assert sum(part.sessions for part in parts) == sessions
    assert max(part.sessions for part in parts) - min(part.sessions for part in parts) <= 1


def result(text: str, committed: int, *, final: bool = False) -> TranscriptionResult:
    return TranscriptionResult(
        session_id="s",
        timestamp=datetime(2030, 1, 1, tzinfo=UTC),
        segment_id="1",
        text=text,
        language="en",
        confidence=None,
        start=0.0,
        end=1.0,
        is_final=final,
        words=tuple(
            Word(word, 0.0, 0.0, None, at < committed) for at, word in enumerate(text.split())
        ),
    )


def test_promises_run_on_over_segments() -> None:
    promises = Promises()
    assert [word.word for word in promises.take(result("one two. three four", 3))] == [
        "one",
        "two.",
        "three",
    ]
    assert promises.take(result("one two.", 2, final=True)) == []
    assert [word.word for word in promises.take(result("three four five", 2))] == ["four"]
    assert promises.broken == 0


@pytest.mark.parametrize(
    "then",
    [result("one three", 2), result("one", 1), result("one", 0, final=False)],
    ids=["changed", "withdrawn", "uncommitted"],
)
def test_a_broken_promise_is_counted(then: TranscriptionResult) -> None:
    promises = Promises()
    promises.take(result("one two", 2))
    promises.take(then)
    assert promises.broken >= 1


def report_of(figures: Figures, *, stopped: bool = False, **load: int) -> list[str]:
    options = LoadOptions(url="ws://x/ws", api_key="secret", **load)  # pyright: ignore[reportArgumentType] - counts
    made = make_report(options, 1, figures, ServerFigures(), 1.0, stopped=stopped)
    assert made.passed == (not made.lost)
    assert "secret" not in msgspec.json.encode(made).decode()
    return made.lost


def test_what_is_missing_counts_as_lost() -> None:
    assert report_of(Figures(sessions_ended=2), sessions=2) == []
    assert "1 of 2 sessions" in report_of(Figures(sessions_ended=1), sessions=2)[0]
    assert "idle connections" in report_of(Figures(), sessions=0, connections=3)[0]
    assert report_of(Figures(lost=["s: no end"], sessions_failed=1), sessions=1) == ["s: no end"]


def test_a_load_that_was_stopped_has_fewer_sessions_without_loss() -> None:
    assert report_of(Figures(sessions_ended=1), sessions=2, connections=9, stopped=True) == []


def test_a_late_load_tool_says_so() -> None:
    figures = Figures(sessions_ended=1)
    figures.lag.add(0.3)
    made = make_report(LoadOptions(url=""), 1, figures, ServerFigures(), 1.0)
    assert "--processes" in made.notes[0]


def test_made_up_speech_is_taken_for_speech() -> None:
    audio = synthetic_speech(5.0)
    assert np.array_equal(audio, synthetic_speech(5.0))
    voiced = SileroVad().accept(as_float(audio)) > 0.4
    assert 0.5 < voiced.mean() < 0.95


def test_recordings_of_a_folder_follow_one_another() -> None:
    assert len(load_speech(FOLDER)) > 60 * 16_000


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no recording"):
        load_speech(tmp_path)
