"""How often, by each source, a recognised speaker was found to be each participant. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from livetranslate.domain.speakers import Correlation, SpeakerEvidence, SpeakerSource

LEAST_WEIGHT = 1.0
LEAST_SHARE = 0.5


class Vote(msgspec.Struct, frozen=True):
    """Evidence added up.

    Attributes:
        speaker_id: Recognised speaker.
        source: Where the evidence comes from.
        external_id: Participant's id in the meeting.
        name: Participant's name.
        weight: Seconds of overlap; for captions similarity times seconds.
        count: Pieces of evidence.
        time_offset: Seconds that were taken off the meeting's clock, by the newest.
    """

    speaker_id: str
    source: SpeakerSource
    external_id: str | None
    name: str
    weight: float
    count: int
    time_offset: float | None

    @property
    def whom(self) -> str:
        """The participant: by id where there is one, for names change and repeat."""
        return self.external_id or self.name


class Votes:
    """All votes of a session.

    Args:
        votes: What ``state`` gave.
    """

    def __init__(self, votes: Iterable[Vote] = ()) -> None:
        self._votes = {_key(vote): vote for vote in votes}

    def state(self) -> tuple[Vote, ...]:
        """Return what other votes need to go on."""
        return tuple(self._votes.values())

    def add(self, speaker_id: str, evidence: SpeakerEvidence, weight: float) -> None:
        """Count a piece of evidence."""
        vote = Vote(
            speaker_id,
            evidence.source,
            evidence.external_id,
            evidence.speaker_name,
            weight,
            1,
            evidence.time_offset,
        )
        old = self._votes.get(_key(vote))
        if old is not None:
            vote = msgspec.structs.replace(vote, weight=old.weight + weight, count=old.count + 1)
        self._votes[_key(vote)] = vote

    def move(self, old: str, new: str) -> None:
        """Count what speaks for one speaker to another: they are one."""
        for vote in [vote for vote in self._votes.values() if vote.speaker_id == old]:
            del self._votes[_key(vote)]
            moved = msgspec.structs.replace(vote, speaker_id=new)
            there = self._votes.get(_key(moved))
            if there is not None:
                moved = msgspec.structs.replace(
                    moved, weight=moved.weight + there.weight, count=moved.count + there.count
                )
            self._votes[_key(moved)] = moved

    def winners(self, speaker_id: str) -> list[Correlation]:
        """Return, for each source, whom it takes a speaker for, if it is clear enough."""
        found: list[Correlation] = []
        for source in SpeakerSource:
            cast = [
                vote
                for vote in self._votes.values()
                if vote.speaker_id == speaker_id and vote.source is source
            ]
            best = max(cast, key=lambda vote: vote.weight, default=None)
            if best is None or best.weight < LEAST_WEIGHT:
                continue
            share = best.weight / sum(vote.weight for vote in cast)
            if share > LEAST_SHARE:
                found.append(_correlation(best, share))
        return found


def _correlation(vote: Vote, share: float) -> Correlation:
    return Correlation(
        speaker_id=vote.speaker_id,
        speaker_name=vote.name,
        method=vote.source,
        confidence=round(share, 3),
        external_id=vote.external_id,
        evidence={"weight": round(vote.weight, 3), "count": vote.count, "share": round(share, 3)},
        time_offset=vote.time_offset,
    )


def _key(vote: Vote) -> tuple[str, SpeakerSource, str]:
    return vote.speaker_id, vote.source, vote.whom
