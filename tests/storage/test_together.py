"""Writes that come together share a transaction, and each caller gets its own result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from livetranslate.storage.together import Together


class Portions:
    """Notes what is carried out together; an item below zero makes its portion fail."""

    def __init__(self) -> None:
        self.done: list[list[int]] = []

    async def carry_out(self, items: Sequence[int]) -> list[int | Exception]:
        await asyncio.sleep(0)
        self.done.append(list(items))
        if any(item < 0 for item in items):
            raise ValueError(f"{items}")
        return [KeyError(item) if item == 13 else 10 * item for item in items]


@pytest.fixture
def portions() -> Portions:
    return Portions()


@pytest.fixture
def together(portions: Portions) -> Together[int, int]:
    return Together(portions.carry_out, most=3, name="test")


async def test_what_comes_at_once_goes_in_portions(
    portions: Portions, together: Together[int, int]
) -> None:
    assert await asyncio.gather(*(together.add(item) for item in range(7))) == [
        10 * item for item in range(7)
    ]
    assert portions.done == [[0, 1, 2], [3, 4, 5], [6]]
    assert await together.add(9) == 90


async def test_a_failure_reaches_only_the_one_it_belongs_to(
    portions: Portions, together: Together[int, int]
) -> None:
    found = await asyncio.gather(*map(together.add, (1, -1, 2)), return_exceptions=True)
    assert found[0] == 10
    assert isinstance(found[1], ValueError)
    assert found[2] == 20
    assert portions.done == [[1, -1, 2], [1], [-1], [2]]


async def test_a_refused_item_does_not_undo_the_others(together: Together[int, int]) -> None:
    found = await asyncio.gather(*map(together.add, (12, 13)), return_exceptions=True)
    assert found[0] == 120
    assert isinstance(found[1], KeyError)


async def test_a_caller_that_left_is_left_out(
    portions: Portions, together: Together[int, int]
) -> None:
    calls = [asyncio.create_task(together.add(item)) for item in range(4)]
    await asyncio.sleep(0)
    calls[3].cancel()
    assert await asyncio.gather(*calls[:3]) == [0, 10, 20]
    await asyncio.sleep(0.01)
    assert portions.done == [[0, 1, 2]]
