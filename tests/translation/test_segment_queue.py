"""The order in which segments are translated, whatever comes and whenever it is asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetranslate.translation.segment_queue import SegmentJob, SegmentOptions, SegmentQueue
from support.segments import segment

PUTS = st.tuples(st.integers(0, 5), st.text("ab ", max_size=2), st.booleans())
STEPS = st.lists(PUTS | st.sampled_from([0.0, 0.1, 0.3, 1.0]), max_size=60)


def job(name: str, text: str, *, final: bool = True) -> SegmentJob:
    return SegmentJob(segment(name, text, final=final), "")


@given(STEPS)
def test_finals_all_in_order_and_no_preview_behind_its_final(
    steps: list[tuple[int, str, bool] | float],
) -> None:
    options = SegmentOptions(preview_interval_s=0.5, max_previews=3)
    queue, now = SegmentQueue(options), 0.0
    finals: list[tuple[str, str]] = []
    taken: list[tuple[str, str, bool, float]] = []

    def take() -> bool:
        found = queue.take(now)
        if found is None:
            return False
        assert not queue.is_stale(found) or found.segment.is_final
        part = found.segment
        taken.append((part.segment_id, part.text, part.is_final, now))
        return True

    latest: dict[str, str] = {}
    for step in steps:
        if isinstance(step, float):
            now += step
            take()
            continue
        number, text, final = step
        name = f"s{number}"
        if final and name not in {known for known, _ in finals}:
            finals.append((name, text))
        latest[name] = text
        queue.put(job(name, text, final=final))
    while queue.wait_s(now) is not None:
        now += queue.wait_s(now) or 0.0
        assert take()

    assert [(name, text) for name, text, final, _ in taken if final] == finals
    ended: set[str] = set()
    shown: dict[str, str] = {}
    preview_times: list[float] = []
    for name, text, final, at in taken:
        assert name not in ended
        if final:
            ended.add(name)
        else:
            assert text.strip() and shown.get(name) != text
            shown[name] = text
            preview_times.append(at)
    gaps = [b - a for a, b in zip(preview_times, preview_times[1:], strict=False)]
    assert all(gap >= 0.5 - 1e-9 for gap in gaps)


def test_only_the_newest_preview_of_a_segment_waits() -> None:
    queue = SegmentQueue(SegmentOptions())
    for text in ("one", "one two", "one two three"):
        queue.put(job("a", text, final=False))
    first = queue.take(0.0)
    assert first is not None and first.segment.text == "one two three"
    assert queue.take(10.0) is None


def test_previews_wait_for_their_interval_and_finals_do_not() -> None:
    queue = SegmentQueue(SegmentOptions(preview_interval_s=0.4))
    queue.put(job("a", "one", final=False))
    assert queue.take(5.0) is not None
    queue.put(job("a", "one two", final=False))
    assert queue.take(5.3) is None
    assert queue.wait_s(5.3) is not None and abs((queue.wait_s(5.3) or 0) - 0.1) < 1e-9
    queue.put(job("b", "done"))
    final = queue.take(5.3)
    assert final is not None and final.segment.segment_id == "b"
    assert queue.take(5.41) is not None


def test_what_comes_after_the_final_is_ignored() -> None:
    queue = SegmentQueue(SegmentOptions())
    queue.put(job("a", "one"))
    queue.put(job("a", "one two", final=False))
    queue.put(job("a", "one two three"))
    assert queue.finals == 1
    only = queue.take(0.0)
    assert only is not None and only.segment.text == "one"
    assert queue.wait_s(0.0) is None


def test_a_preview_under_way_is_stale_once_the_final_is_there() -> None:
    queue = SegmentQueue(SegmentOptions())
    queue.put(job("a", "one", final=False))
    preview = queue.take(0.0)
    assert preview is not None and not queue.is_stale(preview)
    queue.put(job("a", "one."))
    assert queue.is_stale(preview)
