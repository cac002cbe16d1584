"""Alerts are raised once, kept up to date, cleared once, and kept afterwards."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from livetranslate.monitoring.alerts import AlertBook, AlertState, Observation, Severity
from support.clock import EPOCH


def seen(
    value: float, *, rule: str = "queue", subject: str = "", severity: Severity = Severity.WARNING
) -> Observation:
    return Observation(
        rule=rule,
        subject=subject,
        severity=severity,
        value=value,
        threshold=50,
        clear_at=40,
        message=f"{value} wait",
    )


class Looks:
    """A book that is looked into once a second."""

    def __init__(self, **options: float) -> None:
        self.book = AlertBook(**options)
        self.now = EPOCH

    def look(self, *observations: Observation):
        self.now += timedelta(seconds=1)
        return self.book.look(observations, self.now, 1.0)


def test_an_alert_is_raised_once_and_kept_up_to_date():
    looks = Looks()
    assert looks.look(seen(50)).raised == ()
    [alert] = looks.look(seen(51)).raised
    assert (alert.alert_id, alert.state, alert.message) == (1, AlertState.ACTIVE, "51 wait")
    assert looks.look(seen(70)).raised == ()
    [alert] = looks.book.active
    assert (alert.value, alert.message, alert.threshold) == (70, "70 wait", 50)
    assert alert.updated_at - alert.raised_at == timedelta(seconds=1)


def test_it_is_cleared_once_after_a_while_below_its_lower_limit():
    looks = Looks(calm_s=2.0)
    looks.look(seen(60))
    for value in (45, 41, 40, 39, 60, 40, 39):
        assert looks.look(seen(value)).cleared == ()
    [alert] = looks.look(seen(38)).cleared
    assert (alert.state, alert.cleared_at, alert.value) == (AlertState.CLEARED, looks.now, 38)
    assert alert.message == "60 wait"
    assert looks.look(seen(0)).cleared == ()
    assert looks.book.active == []
    [again] = looks.look(seen(99)).raised
    assert again.alert_id == 2


def test_what_is_seen_no_more_is_cleared():
    looks = Looks(calm_s=0.0)
    looks.look(seen(60, subject="w1"), seen(60, subject="w2"))
    [alert] = looks.look(seen(60, subject="w2")).cleared
    assert (alert.subject, alert.value) == ("w1", 60)


def test_pages_hold_active_and_past_alerts_newest_first():
    looks = Looks(calm_s=0.0, history=3)
    for number in range(6):
        severity = Severity.CRITICAL if number % 2 else Severity.WARNING
        looks.look(*(seen(60, subject=str(one), severity=severity) for one in (number, "stays")))
    page = looks.book.page(limit=2)
    assert [alert.subject for alert in page.alerts] == ["5", "4"]
    page = looks.book.page(limit=9, before=int(page.next_cursor or 0))
    # Of the past ones the newest three are kept; the active one stays.
    assert [alert.subject for alert in page.alerts] == ["3", "2", "stays"]
    assert page.next_cursor is None
    active = looks.book.page(limit=9, state=AlertState.ACTIVE)
    assert [alert.subject for alert in active.alerts] == ["5", "stays"]
    critical = looks.book.page(limit=9, severity=Severity.CRITICAL)
    assert [alert.subject for alert in critical.alerts] == ["5", "3", "stays"]


values = st.lists(st.dictionaries(st.sampled_from("abc"), st.floats(0, 100), max_size=3))


@given(values, st.floats(0, 4))
def test_raising_and_clearing_take_turns(rounds: list[dict[str, float]], calm_s: float):
    looks = Looks(calm_s=calm_s, history=10_000)
    active: set[str] = set()
    for figures in rounds:
        changes = looks.look(*(seen(value, subject=name) for name, value in figures.items()))
        for alert in changes.cleared:
            assert figures.get(alert.subject, 0) <= 40
            active.remove(alert.subject)
        for alert in changes.raised:
            assert figures[alert.subject] > 50
            assert alert.subject not in active
            active.add(alert.subject)
        assert {alert.subject for alert in looks.book.active} == active
        assert {name for name, value in figures.items() if value > 50} <= active
