"""What the benchmarks measure with: figures, error rates, and what a viewer of captions sees."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from bench.captions import Seen, Viewer, latencies
from bench.corpus import SpokenWord, joined, recordings
from bench.machine import describe
from bench.options import SPEECH
from bench.report import interleaved, percentile, row, share_of, times_faster
from bench.scoring import errors, matches
from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.speech import Word


def shown(segment: str, text: str, committed: int, *, final: bool = False) -> TranscriptionResult:
    return TranscriptionResult(
        session_id="s",
        timestamp=datetime(2030, 1, 1, tzinfo=UTC),
        segment_id=segment,
        text=text,
        language="en",
        confidence=None,
        start=0.0,
        end=1.0,
        is_final=final,
        words=tuple(
            Word(word, 0.0, 0.0, None, index < committed) for index, word in enumerate(text.split())
        ),
    )


def test_ratios_are_those_of_each_repeat() -> None:
    found = times_faster("x", "ms", [1.0, 2.0, 4.0], [8.0, 8.0, 8.0])
    assert found.ratio is not None
    assert (found.ratio.minimum, found.ratio.median, found.ratio.maximum) == (2.0, 4.0, 8.0)
    found = share_of("x", "ms", [1.0, 3.0], [2.0, 2.0])
    assert found.ratio is not None
    assert found.ratio.median == 1.0
    assert (found.ours.median, found.ours.repeats) == (2.0, 2)
    alone = share_of("x", "ms", [1.0], [])
    assert (alone.ratio, alone.baseline) == (None, None)
    assert row("x", "ms", [1.0]).baseline is None


def test_contenders_take_turns_in_both_orders() -> None:
    order: list[str] = []

    def runs(name: str) -> int:
        order.append(name)
        return len(order)

    done = interleaved(3, {"a": lambda: runs("a"), "b": lambda: runs("b")})
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert done == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_percentiles_lie_between_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([0.0, 10.0], 0.95) == pytest.approx(9.5)
    assert percentile([7.0], 0.99) == 7.0


def test_error_rates_are_averaged_over_words_and_not_over_texts() -> None:
    found = errors([("en", "yes", "no"), ("en", "Say, good day.", "say good day")])
    assert found.wer == pytest.approx(1 / 4)
    assert errors([("es", "¡Hola, Juan!", "hola juan")]).wer == 0


def test_words_are_matched_in_order() -> None:
    assert matches("We see, you.".split(), "we do see you".split()) == [(0, 0), (1, 2), (2, 3)]
    assert matches([], ["a"]) == []


def test_a_viewer_sees_words_come_stay_and_go() -> None:
    viewer = Viewer()
    viewer.take(shown("1", "good mourning", 0), 1.0)
    viewer.take(shown("1", "good morning all", 1), 2.0)
    viewer.take(shown("1", "good morning", 2, final=True), 3.0)
    viewer.take(shown("2", "all", 0), 3.001)
    viewer.take(shown("2", "all well", 2, final=True), 4.0)
    seen = viewer.seen()
    assert seen.words == ["good", "morning", "all", "well"]
    assert seen.committed_at == [2.0, 3.001, 4.0, 4.0]
    assert seen.shown_at == [1.0, 2.0, 2.0, 4.0]
    assert seen.erased == 1
    assert seen.broken == 0


def test_a_broken_promise_is_noticed() -> None:
    viewer = Viewer()
    viewer.take(shown("1", "one two", 2), 1.0)
    viewer.take(shown("1", "one three", 2, final=True), 2.0)
    assert viewer.seen().broken == 1


def test_latency_counts_from_the_words_end_and_skips_what_was_not_recognised() -> None:
    spoken = [SpokenWord("One", 0.0, 0.5), SpokenWord("two", 0.5, 1.0), SpokenWord("3", 1.0, 2.0)]
    seen = Seen(["one", "3."], [1.5, 2.5], [1.0, 2.25], 0, 0)
    found = latencies(spoken, seen)
    assert (found.commit, found.display, found.spoken) == ([1.5 - 0.5, 0.5], [0.5, 0.25], 3)


def test_recordings_follow_one_another_with_their_times() -> None:
    parts = recordings(SPEECH, language="en", most_s=6.5)
    assert all(part.seconds <= 6.5 and part.entry.words for part in parts)
    long = joined(parts, 2 * sum(part.seconds for part in parts))
    first = parts[0]
    assert long.entry.text.count(first.entry.text) == 2
    again = long.entry.words[sum(len(part.entry.words) for part in parts)]
    pause = 0.5 * len(parts)
    assert again.start == pytest.approx(
        sum(part.seconds for part in parts) + pause + first.entry.words[0].start, abs=0.01
    )


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"manifest\.json"):
        recordings(tmp_path)
    with pytest.raises(InvalidInput, match="fits"):
        recordings(SPEECH, language="xx")


def test_the_machine_is_told_without_names_and_paths() -> None:
    told = msgspec.json.encode(describe()).decode()
    assert "ctranslate2" in told
    assert str(Path.home()) not in told
