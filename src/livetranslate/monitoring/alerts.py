"""Alerts: each is raised once, kept up to date while its cause lasts, and cleared once.

What is wrong is said by rules (``rules``) as observations; the book compares them with what it has
noted. It keeps the active alerts and a bounded history in memory: alerts are about the present
state of the process that looks, which raises them again after a restart if they still hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from enum import Enum

import msgspec


class Severity(str, Enum):
    """How bad it is."""

    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(str, Enum):
    """Whether its cause still holds."""

    ACTIVE = "active"
    CLEARED = "cleared"


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its limits.

    Attributes:
        rule: What is looked at, such as ``session_queue``.
        subject: Whose figure it is, such as a worker's id; empty where there is but one.
        severity: Of the alert that it would raise.
        value: The figure.
        threshold: An alert is raised above this.
        clear_at: It is cleared at this or below; not above ``threshold``.
        message: What is wrong, for people.
    """

    rule: str
    subject: str = ""
    severity: Severity
    value: float
    threshold: float
    clear_at: float
    message: str

    @property
    def key(self) -> tuple[str, str]:
        """What the alert is about."""
        return (self.rule, self.subject)


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert; times are UTC.

    Attributes:
        alert_id: Number, from 1 in the order in which they were raised.
        rule: What was looked at.
        subject: Whose figure it is.
        severity: How bad it is.
        state: Whether its cause still holds.
        message: What is wrong, for people.
        value: The figure when it was looked at last.
        threshold: What the figure had to be above.
        raised_at: When it was raised.
        updated_at: When it was looked at last.
        cleared_at: When it was cleared, or None.
    """

    alert_id: int
    rule: str
    subject: str
    severity: Severity
    state: AlertState
    message: str
    value: float
    threshold: float
    raised_at: datetime
    updated_at: datetime
    cleared_at: datetime | None = None


class AlertPage(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, newest first; ``next_cursor`` asks for those that follow, None at the end."""

    alerts: list[Alert]
    next_cursor: str | None


class AlertChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the observations changed."""

    raised: tuple[Alert, ...] = ()
    cleared: tuple[Alert, ...] = ()


class AlertBook:
    """The alerts of one process. Pure: times are told.

    Args:
        history: Cleared alerts that are kept; the oldest go first.
        calm_s: Seconds for which a figure must have been at its lower limit before its alert is
            cleared.
    """

    def __init__(self, *, history: int = 1000, calm_s: float = 10.0) -> None:
        self._calm_s = calm_s
        self._active: dict[tuple[str, str], Alert] = {}
        self._calm: dict[tuple[str, str], float] = {}
        self._cleared: deque[Alert] = deque(maxlen=history)
        self._raised = 0

    @property
    def active(self) -> list[Alert]:
        """Alerts whose cause holds, newest first."""
        return sorted(self._active.values(), key=lambda alert: -alert.alert_id)

    def look(
        self, observations: Iterable[Observation], at: datetime, elapsed_s: float
    ) -> AlertChanges:
        """Take the present figures; what is observed no more counts as calm.

        Args:
            observations: One a key.
            at: The time.
            elapsed_s: Seconds since the last look.
        """
        seen = {observation.key: observation for observation in observations}
        cleared = [
            self._clear(key, seen.get(key), at)
            for key in list(self._active)
            if self._calmed(key, seen.get(key), elapsed_s)
        ]
        raised: list[Alert] = []
        for key, observation in seen.items():
            if key in self._active:
                self._active[key] = _updated(self._active[key], observation, at)
            elif observation.value > observation.threshold:
                raised.append(self._raise(observation, at))
        return AlertChanges(raised=tuple(raised), cleared=tuple(cleared))

    def page(
        self,
        *,
        severity: Severity | None = None,
        state: AlertState | None = None,
        limit: int,
        before: int | None = None,
    ) -> AlertPage:
        """Return a page of alerts.

        Args:
            severity: Only these.
            state: Only these.
            limit: Alerts at most.
            before: Only older ones than this number.
        """
        every = sorted([*self._active.values(), *self._cleared], key=lambda one: -one.alert_id)
        found = [
            alert
            for alert in every
            if severity in (None, alert.severity)
            and state in (None, alert.state)
            and (before is None or alert.alert_id < before)
        ]
        more = len(found) > limit
        cursor = str(found[limit - 1].alert_id) if more else None
        return AlertPage(alerts=found[:limit], next_cursor=cursor)

    def _raise(self, observation: Observation, at: datetime) -> Alert:
        self._raised += 1
        alert = Alert(
            alert_id=self._raised,
            rule=observation.rule,
            subject=observation.subject,
            severity=observation.severity,
            state=AlertState.ACTIVE,
            message=observation.message,
            value=observation.value,
            threshold=observation.threshold,
            raised_at=at,
            updated_at=at,
        )
        self._active[observation.key] = alert
        return alert

    def _calmed(
        self, key: tuple[str, str], observation: Observation | None, elapsed_s: float
    ) -> bool:
        if observation is not None and observation.value > observation.clear_at:
            self._calm.pop(key, None)
            return False
        calm_s = self._calm.get(key)
        self._calm[key] = 0.0 if calm_s is None else calm_s + elapsed_s
        return self._calm[key] >= self._calm_s

    def _clear(self, key: tuple[str, str], observation: Observation | None, at: datetime) -> Alert:
        self._calm.pop(key, None)
        alert = self._active.pop(key)
        alert = msgspec.structs.replace(
            alert,
            state=AlertState.CLEARED,
            value=alert.value if observation is None else observation.value,
            updated_at=at,
            cleared_at=at,
        )
        self._cleared.append(alert)
        return alert


def _updated(alert: Alert, observation: Observation, at: datetime) -> Alert:
    """Return an active alert with the present figure; it says what is wrong while it is."""
    wrong = observation.value > observation.threshold
    return msgspec.structs.replace(
        alert,
        severity=observation.severity,
        message=observation.message if wrong else alert.message,
        value=observation.value,
        updated_at=at,
    )
