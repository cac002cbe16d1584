"""Writes that come together share one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """Carries out in one go what comes at about the same time.

    There is no waiting for others: what comes while one portion is at work forms the next one, in
    the order in which it came. A portion that fails is carried out again item by item, so that
    each caller gets what its own item has brought about. Callers bound what waits: each has one
    item under way.

    Args:
        carry_out: Carries a portion out, all of it or nothing; returns each item's result, or the
            error that its caller gets.
        most: Items of a portion at most.
        name: Of the task that works them off.
    """

    def __init__(
        self,
        carry_out: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]],
        *,
        most: int,
        name: str,
    ) -> None:
        self._carry_out = carry_out
        self._most = most
        self._name = name
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._work: asyncio.Task[None] | None = None

    async def add(self, item: T) -> R:
        """Return what an item brings about once it is carried out; raises what it raises."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run(), name=self._name)
        return await done

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            taken = [one for one in taken if not one[1].done()]
            try:
                await self._settle(taken)
            except Exception:  # noqa: BLE001 - told to each caller, once its own item has failed
                for one in taken:
                    await self._settle_alone(one)

    async def _settle_alone(self, one: tuple[T, asyncio.Future[R]]) -> None:
        try:
            await self._settle([one])
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            if not one[1].done():
                one[1].set_exception(error)

    async def _settle(self, taken: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        if not taken:
            return
        results = await self._carry_out([item for item, _ in taken])
        for (_, done), result in zip(taken, results, strict=True):
            if done.done():
                continue
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)
