"""Each rule, on both sides of its threshold."""

from __future__ import annotations

import pytest

from livetranslate.monitoring.alerts import Severity
from livetranslate.monitoring.rules import Lately, Snapshot, Thresholds, observations

LIMITS = Thresholds()


def wrong(seen: Snapshot) -> dict[tuple[str, str], Severity]:
    return {
        one.key: one.severity for one in observations(seen, LIMITS) if one.value > one.threshold
    }


def calm(seen: Snapshot) -> bool:
    return all(one.value <= one.clear_at for one in observations(seen, LIMITS))


@pytest.mark.parametrize(
    ("fine", "bad", "key", "severity"),
    [
        (
            Snapshot(heartbeats_s={"w1": 60.0, "w2": 1.0}),
            Snapshot(heartbeats_s={"w1": 60.1, "w2": 1.0}),
            ("worker_heartbeat", "w1"),
            Severity.CRITICAL,
        ),
        (
            Snapshot(session_queue=50),
            Snapshot(session_queue=51),
            ("session_queue", ""),
            Severity.WARNING,
        ),
        (
            Snapshot(memory_percent=85.0),
            Snapshot(memory_percent=85.1),
            ("memory", ""),
            Severity.WARNING,
        ),
        (
            Snapshot(ended=100, failed=5),
            Snapshot(ended=100, failed=6),
            ("session_failures", ""),
            Severity.WARNING,
        ),
        (
            Snapshot(ended=19, failed=19),
            Snapshot(ended=20, failed=2),
            ("session_failures", ""),
            Severity.WARNING,
        ),
        (
            Snapshot(breakers={"whisper a": "closed", "whisper b": "half_open"}),
            Snapshot(breakers={"whisper a": "closed", "whisper b": "open"}),
            ("breaker", "whisper b"),
            Severity.WARNING,
        ),
        (
            Snapshot(),
            Snapshot(database_error="it is away"),
            ("database", ""),
            Severity.CRITICAL,
        ),
        (
            Snapshot(recorder_failing_s=10.0),
            Snapshot(recorder_failing_s=10.1),
            ("recorder", ""),
            Severity.WARNING,
        ),
        (Snapshot(), Snapshot(events_lost=1), ("recorder_lost", ""), Severity.CRITICAL),
        (
            Snapshot(),
            Snapshot(differences={"s1": "its log is gone"}),
            ("session_difference", "s1"),
            Severity.WARNING,
        ),
    ],
)
def test_each_rule(fine: Snapshot, bad: Snapshot, key: tuple[str, str], severity: Severity):
    assert wrong(fine) == {}
    assert wrong(bad) == {key: severity}


def test_a_platform_at_rest_is_calm():
    assert calm(Snapshot(heartbeats_s={"w1": 1.0}, breakers={"whisper": "closed"}))
    assert not calm(Snapshot(breakers={"whisper": "half_open"}))
    assert not calm(Snapshot(heartbeats_s={"w1": 31.0}))


def test_only_what_was_lately_counts():
    lately = Lately(10.0)
    lately.add(0.0)
    lately.add(5.0, 2)
    lately.add(5.0, 0)
    assert [lately.total(now) for now in (5.0, 10.0, 10.1, 15.1)] == [3, 3, 2, 0]
