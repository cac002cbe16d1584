"""Doing together what is alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_groups(
    items: Sequence[T], key: Callable[[T], Hashable], work: Callable[[Sequence[T]], Sequence[R]]
) -> list[R]:
    """Return the results of items, in their order.

    Args:
        items: What is to be worked on.
        key: What items that are worked on together have in common.
        work: Gives one result for each of the items of a group, in their order.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, item in enumerate(items):
        groups.setdefault(key(item), []).append(index)
    results: dict[int, R] = {}
    for indexes in groups.values():
        done = work([items[index] for index in indexes])
        results.update(zip(indexes, done, strict=True))
    return [results[index] for index in range(len(items))]
