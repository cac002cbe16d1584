"""Who spoke when: the tracks' energy, contributing sources and the page's active speaker fused.

A channel carries one person at a time, but not the same one for ever. Sound on a channel between
two pauses is a burst. A burst belongs to the participant that its contributing source is known to
be, else to the one whom the page shows as speaking for the largest part of it; each sure burst
teaches whose source that is. Without a channel with sound nobody spoke, whatever the page shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import Enum

import msgspec

from livetranslate.meetings.hearing import AUDIBLE, BLOCK_S, Block

PAUSE_S = 0.4
"""Silence on a channel after which somebody else may be on it."""
LONGEST_S = 4.0
"""Sound without a pause is told in pieces of this length, so that names come while one speaks."""
SHORTEST_S = 0.3
SHARE = 0.5
"""Part of a burst for which the page must show its speaker."""


class Basis(str, Enum):
    """What an attribution rests on."""

    TRACK = "track"
    ACTIVE_SPEAKER = "active_speaker"


class Spoke(msgspec.Struct, frozen=True, kw_only=True):
    """A participant spoke.

    Attributes:
        participant_id: The page's id of the participant.
        name: Name, as shown.
        start: Seconds from the first sample heard.
        end: Seconds.
        basis: What tells so.
        confidence: 0-1, the share of the time for which the page agrees.
        sources: Contributing sources that carried it.
    """

    participant_id: str
    name: str
    start: float
    end: float
    basis: Basis
    confidence: float
    sources: tuple[str, ...] = ()


class _Burst:
    def __init__(self, start: float) -> None:
        self.start = self.end = start
        self.blocks = 0
        self.shown: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()


class Attribution:
    """The attribution of one bot.

    Args:
        name_of: The present name of a participant, by id; None for one that is not to be named.
    """

    def __init__(self, name_of: Callable[[str], str | None]) -> None:
        self._name_of = name_of
        self._bursts: dict[str, _Burst] = {}
        self._owners: dict[str, Counter[str]] = {}

    def take(self, block: Block, start: float) -> list[Spoke]:
        """Take a block that begins at ``start`` seconds; return what is settled by it."""
        found: list[Spoke | None] = []
        end = start + BLOCK_S
        for channel in block.channels:
            if channel.level < AUDIBLE:
                continue
            burst = self._bursts.setdefault(channel.track, _Burst(start))
            burst.end = end
            burst.blocks += 1
            burst.shown.update(set(block.speaking))
            burst.sources.update(channel.sources)
        for track, burst in list(self._bursts.items()):
            if end - burst.end >= PAUSE_S or burst.end - burst.start >= LONGEST_S:
                found.append(self._settle(self._bursts.pop(track)))
        return [one for one in found if one is not None]

    def rest(self) -> list[Spoke]:
        """Return what is open, at the end."""
        found = [self._settle(burst) for burst in self._bursts.values()]
        self._bursts.clear()
        return [one for one in found if one is not None]

    def _settle(self, burst: _Burst) -> Spoke | None:
        if burst.end - burst.start < SHORTEST_S:
            return None
        source = burst.sources.most_common(1)[0][0] if burst.sources else None
        shown = [
            (count, whom) for whom, count in burst.shown.items() if self._name_of(whom) is not None
        ]
        count, whom = max(shown, default=(0, None))
        share = count / burst.blocks
        if whom is not None and share >= SHARE and source is not None and len(shown) == 1:
            self._owners.setdefault(source, Counter())[whom] += burst.blocks
        owner = self._owner(source)
        basis = Basis.ACTIVE_SPEAKER
        if owner is not None:
            share = max(share if whom == owner else 0.0, 0.5)
            whom, basis = owner, Basis.TRACK
        elif share < SHARE:
            return None
        name = self._name_of(whom) if whom is not None else None
        if whom is None or name is None:
            return None
        return Spoke(
            participant_id=whom,
            name=name,
            start=round(burst.start, 3),
            end=round(burst.end, 3),
            basis=basis,
            confidence=round(min(1.0, share), 3),
            sources=(source,) if source is not None else (),
        )

    def _owner(self, source: str | None) -> str | None:
        votes = self._owners.get(source or "")
        if not votes:
            return None
        whom, count = votes.most_common(1)[0]
        known = self._name_of(whom) is not None
        return whom if known and count > SHARE * votes.total() else None
