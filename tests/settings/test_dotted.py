"""Values by dotted path: nesting, changes, differences."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.domain.dotted import changed, difference, flatten, nest

NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.one_of(st.integers(), st.booleans(), st.text(max_size=5), st.just({}))
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
MAPPINGS = st.dictionaries(NAMES, TREES, min_size=1, max_size=3)


@given(MAPPINGS)
def test_nesting_undoes_flattening(tree: dict[str, Any]) -> None:
    assert nest(flatten(tree, "audio")) == {"audio": tree}


@given(MAPPINGS, MAPPINGS)
def test_a_difference_leads_from_one_to_the_other(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    before, after = flatten(first, "x"), flatten(second, "x")
    assert changed(before, difference(before, after)) == after
    assert difference(after, after) == {}


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({"p.mine": None}, {"q": 1}),
        ({"p.mine.a": None}, {"p.mine.b": 2, "q": 1}),
        ({"p.mine": {}}, {"p.mine.a": 1, "p.mine.b": 2, "q": 1}),
        ({"p.mine": 3}, {"p.mine": 3, "q": 1}),
        ({"q.deep": 4}, {"p.mine.a": 1, "p.mine.b": 2, "q.deep": 4}),
        ({"absent": None}, {"p.mine.a": 1, "p.mine.b": 2, "q": 1}),
    ],
)
def test_changes(changes: dict[str, Any], after: dict[str, Any]) -> None:
    assert changed({"p.mine.a": 1, "p.mine.b": 2, "q": 1}, changes) == after


def test_none_leaves_count_where_they_are_asked_for() -> None:
    tree = {"a": None, "b": {"c": None}}
    assert flatten(tree, "x") == {}
    assert flatten(tree, "x", with_none=True) == {"x.a": None, "x.b.c": None}
