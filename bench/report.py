"""What a benchmark gives back: rows of figures, each the median of its repeats with its range."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from bench.machine import Machine

T = TypeVar("T")


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of several repeats."""

    median: float
    minimum: float
    maximum: float
    repeats: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing measured.

    Attributes:
        what: Its name.
        unit: Unit of ``ours`` and ``baseline``.
        ours: The platform's figure.
        baseline: The baseline's, or None if it was not measured or there is none.
        ratio: Of ours and the baseline's within each repeat; which way round, ``ratio_of`` says.
        ratio_of: Such as ``baseline ÷ ours``.
    """

    what: str
    unit: str
    ours: Figure
    baseline: Figure | None = None
    ratio: Figure | None = None
    ratio_of: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a benchmark.

    Attributes:
        name: Name of the benchmark.
        target: The target it belongs to, in words.
        baseline: What ``baseline`` is, in words.
        rows: The figures.
        notes: What one must know to read them.
        machine: Where and under which load it ran.
    """

    name: str
    target: str
    baseline: str
    rows: list[Row]
    notes: list[str]
    machine: Machine


def figure(values: Sequence[float]) -> Figure:
    """Return median, minimum and maximum of at least one repeat."""
    return Figure(
        median=statistics.median(values),
        minimum=min(values),
        maximum=max(values),
        repeats=len(values),
    )


def row(what: str, unit: str, ours: Sequence[float], baseline: Sequence[float] = ()) -> Row:
    """Return a row without a ratio."""
    return Row(
        what=what, unit=unit, ours=figure(ours), baseline=figure(baseline) if baseline else None
    )


def times_faster(what: str, unit: str, ours: Sequence[float], baseline: Sequence[float]) -> Row:
    """Return a row with the ratio baseline ÷ ours of each repeat."""
    ratios = [theirs / mine for mine, theirs in zip(ours, baseline, strict=True)]
    return msgspec.structs.replace(
        row(what, unit, ours, baseline), ratio=figure(ratios), ratio_of="baseline ÷ ours"
    )


def share_of(what: str, unit: str, ours: Sequence[float], baseline: Sequence[float]) -> Row:
    """Return a row with the ratio ours ÷ baseline of each repeat; just ours without a baseline."""
    if not baseline:
        return row(what, unit, ours)
    ratios = [mine / theirs for mine, theirs in zip(ours, baseline, strict=True)]
    return msgspec.structs.replace(
        row(what, unit, ours, baseline), ratio=figure(ratios), ratio_of="ours ÷ baseline"
    )


def interleaved(repeats: int, contenders: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Run all contenders in turn, as often as said; every other time in the opposite order."""
    results: dict[str, list[T]] = {name: [] for name in contenders}
    for repeat in range(repeats):
        order = list(contenders.items())
        for name, run in order if repeat % 2 == 0 else reversed(order):
            results[name].append(run())
    return results


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share (0-1) of the values lie, by linear interpolation."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
