"""Nested mappings as values by dotted path, and what changes between two of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast


def flatten(node: object, at: str, *, with_none: bool = False) -> dict[str, Any]:
    """Return the leaves of nested mappings by dotted path; an empty mapping is a leaf.

    Args:
        node: Mappings with names as keys, or a leaf.
        at: Path of the node itself.
        with_none: Whether leaves that are None count; else they are as if absent.
    """
    if not isinstance(node, dict) or not node:
        return {at: node}
    found: dict[str, Any] = {}
    for key, value in cast("dict[object, Any]", node).items():
        if with_none or value is not None:
            found |= flatten(value, f"{at}.{key}", with_none=with_none)
    return found


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings of values by dotted path."""
    made: dict[str, Any] = {}
    for path, value in values.items():
        *outer, last = path.split(".")
        node = made
        for key in outer:
            inner = node.get(key)
            if not isinstance(inner, dict):
                inner = node[key] = {}
            node = cast("dict[str, Any]", inner)
        if isinstance(value, dict) and not value:
            node.setdefault(last, {})
        else:
            node[last] = value
    return made


def changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with changes.

    None takes out a value, or everything under a path. A value takes the place of everything under
    its path, and of an empty mapping or a value above it; an empty mapping takes no place.
    """
    made = dict(values)
    for path, value in changes.items():
        empty = isinstance(value, dict) and not value
        inside = [one for one in made if one.startswith(f"{path}.")]
        if empty and inside:
            continue
        for one in inside:
            del made[one]
        made.pop(path, None)
        if value is None:
            continue
        for outer in _outer(path):
            made.pop(outer, None)
        made[path] = value
    return made


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that lead from one to the other; None where a value is gone."""
    gone = {path: None for path in before if path not in after}
    told = {
        path: value
        for path, value in after.items()
        if path not in before or before[path] != value or type(before[path]) is not type(value)
    }
    return {**gone, **told}


def _outer(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
