"""Smooth weighted round-robin: shares by weight, spread evenly over time.

The method is that of nginx's upstream balancer: before each choice every candidate gains its
weight; the one with most is chosen and pays the sum of all weights. Weights 5, 1, 1 give
``a a b a c a a``, not ``a a a a a b c``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping


class SmoothRoundRobin:
    """Chooses among whatever candidates there are at the moment."""

    def __init__(self) -> None:
        self._credit: dict[str, int] = {}

    def choose(self, weights: Mapping[str, int]) -> str:
        """Return the id of the next candidate.

        Args:
            weights: Weight of each candidate, by id; at least one.
        """
        if len(weights) == 1:
            return next(iter(weights))
        total, best, most = 0, "", 0
        for candidate, weight in weights.items():
            credit = self._credit.get(candidate, 0) + weight
            self._credit[candidate] = credit
            total += weight
            if not best or credit > most:
                best, most = candidate, credit
        self._credit[best] -= total
        return best

    def keep(self, candidates: Collection[str]) -> None:
        """Forget all but these."""
        self._credit = {name: value for name, value in self._credit.items() if name in candidates}
