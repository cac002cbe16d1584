"""The correlation manager of one session: from evidence to names, by order of trust. Pure.

A name by a more trusted source takes the place of one by a less trusted; of two by the same source
the later direct statement wins, and of counted evidence the larger share. What is kept is bounded:
the newest segments and the newest stretches and texts of evidence, which meet here whichever comes
first, and one sum for each pair of speaker and participant.
"""

from __future__ import annotations

from collections import deque

import msgspec
from rapidfuzz import fuzz, utils

from livetranslate.domain.speakers import Correlation, SpeakerEvidence, SpeakerSource
from livetranslate.speakers.votes import Vote, Votes

KEPT = 128
"""Segments, and pieces of evidence, that still meet what comes later."""
ALIKE = 0.75
"""Similarity from which a caption is taken for the text of a segment."""
MOST_OF_IT = 0.5


class Said(msgspec.Struct, frozen=True):
    """A final segment.

    Attributes:
        segment_id: The segment.
        start: Seconds.
        end: Seconds.
        text: What was said.
        speaker_id: Its recognised speaker, if speakers are told apart.
    """

    segment_id: str
    start: float
    end: float
    text: str
    speaker_id: str | None


class CorrelatorState(msgspec.Struct, frozen=True, kw_only=True):
    """What another correlator needs to go on.

    Attributes:
        known: Whom each recognised speaker is taken for.
        votes: Counted evidence.
        said: The newest segments.
        seen: The newest evidence with a time or a text.
        changed: Speakers whose names are not announced yet.
        timed: Segments named by time alone that are not announced yet, with what names them.
    """

    known: tuple[Correlation, ...] = ()
    votes: tuple[Vote, ...] = ()
    said: tuple[Said, ...] = ()
    seen: tuple[SpeakerEvidence, ...] = ()
    changed: tuple[str, ...] = ()
    timed: tuple[tuple[str, Correlation], ...] = ()


class Correlator:
    """Names one session's speakers.

    Args:
        state: Where another correlator had got to.
        kept: Segments, and pieces of evidence, that still meet what comes later.
    """

    def __init__(self, state: CorrelatorState | None = None, *, kept: int = KEPT) -> None:
        state = state or CorrelatorState()
        self._known = {one.speaker_id: one for one in state.known}
        self._votes = Votes(state.votes)
        self._said: deque[Said] = deque(state.said, maxlen=kept)
        self._seen: deque[SpeakerEvidence] = deque(state.seen, maxlen=kept)
        self._changed: dict[str, None] = dict.fromkeys(state.changed)
        self._timed: dict[str, Correlation] = dict(state.timed)

    def state(self) -> CorrelatorState:
        """Return what another correlator needs to go on."""
        return CorrelatorState(
            known=tuple(self._known.values()),
            votes=self._votes.state(),
            said=tuple(self._said),
            seen=tuple(self._seen),
            changed=tuple(self._changed),
            timed=tuple(self._timed.items()),
        )

    @property
    def changed(self) -> tuple[Correlation, ...]:
        """Correlations of which segments of the past have not heard."""
        return tuple(self._known[name] for name in self._changed if name in self._known)

    @property
    def timed(self) -> dict[str, Correlation]:
        """Segments of the past that were given a speaker by time alone."""
        return dict(self._timed)

    def announced(self) -> None:
        """Note that ``changed`` and ``timed`` were told."""
        self._changed.clear()
        self._timed.clear()

    def of(self, speaker_id: str) -> Correlation | None:
        """Return whom a speaker is taken for."""
        return self._known.get(speaker_id)

    def take(self, evidence: SpeakerEvidence) -> None:
        """Take a piece of evidence."""
        if evidence.speaker_id is not None:
            self._settle(_direct(evidence))
            return
        self._seen.append(evidence)
        for said in self._said:
            if said.speaker_id is not None:
                self._meet(said, evidence)
            elif self._best_at(said) is evidence:
                self._timed[said.segment_id] = _by_time(evidence)

    def hear(self, said: Said) -> Correlation | None:
        """Take a final segment; return who said it, by all that is known now."""
        self._said.append(said)
        if said.speaker_id is None:
            best = self._best_at(said)
            return None if best is None else _by_time(best)
        for evidence in self._seen:
            self._meet(said, evidence)
        return self._known.get(said.speaker_id)

    def relabel(self, segment_id: str, speaker_id: str) -> None:
        """Note that a segment is another speaker's."""
        for index, said in enumerate(self._said):
            if said.segment_id == segment_id:
                self._said[index] = msgspec.structs.replace(said, speaker_id=speaker_id)

    def merge(self, old: str, new: str) -> None:
        """Note that two speakers are one."""
        self._votes.move(old, new)
        gone = self._known.pop(old, None)
        for index, said in enumerate(self._said):
            if said.speaker_id == old:
                self._said[index] = msgspec.structs.replace(said, speaker_id=new)
        if gone is not None:
            self._settle(msgspec.structs.replace(gone, speaker_id=new))
        self._count(new)

    def recent(self) -> tuple[Said, ...]:
        """Return the newest segments."""
        return tuple(self._said)

    def _meet(self, said: Said, evidence: SpeakerEvidence) -> None:
        """Let a segment and a piece of evidence count for each other, if they belong together."""
        weight = _weight(said, evidence)
        if said.speaker_id is not None and weight > 0:
            self._votes.add(said.speaker_id, evidence, weight)
            self._count(said.speaker_id)

    def _count(self, speaker_id: str) -> None:
        for winner in self._votes.winners(speaker_id):
            self._settle(winner)

    def _settle(self, new: Correlation) -> None:
        """Take a conclusion if it is better than the one there is."""
        old = self._known.get(new.speaker_id)
        if old is not None and not _better(new, old):
            return
        self._known[new.speaker_id] = new
        if old is None or _told(old) != _told(new):
            self._changed[new.speaker_id] = None

    def _best_at(self, said: Said) -> SpeakerEvidence | None:
        """Return the most trusted evidence that covers a segment; of equals the later."""
        found = [evidence for evidence in self._seen if _covers(said, evidence)]
        return min(reversed(found), key=lambda one: one.source.rank, default=None)


def _by_time(evidence: SpeakerEvidence) -> Correlation:
    whom = evidence.external_id or evidence.speaker_name
    return _direct(msgspec.structs.replace(evidence, speaker_id=whom))


def _direct(evidence: SpeakerEvidence) -> Correlation:
    manual = evidence.source is SpeakerSource.MANUAL
    return Correlation(
        speaker_id=evidence.speaker_id or "",
        speaker_name=evidence.speaker_name,
        method=evidence.source,
        confidence=1.0 if manual and evidence.confidence is None else evidence.confidence,
        external_id=evidence.external_id,
        identity_id=evidence.identity_id,
        evidence=evidence.details,
        valid_from=evidence.start,
        valid_to=evidence.end,
        time_offset=evidence.time_offset,
    )


def _better(new: Correlation, old: Correlation) -> bool:
    if new.method.rank != old.method.rank:
        return new.method.rank < old.method.rank
    if new.method is SpeakerSource.MANUAL:
        return True
    return (new.confidence or 0.0) >= (old.confidence or 0.0) or _told(new) == _told(old)


def _told(one: Correlation) -> tuple[str | None, SpeakerSource]:
    return one.speaker_name, one.method


def _overlap(said: Said, evidence: SpeakerEvidence) -> float:
    if evidence.start is None or evidence.end is None:
        return 0.0
    return min(said.end, evidence.end) - max(said.start, evidence.start)


def _covers(said: Said, evidence: SpeakerEvidence) -> bool:
    """Return whether evidence is about most of a segment."""
    if evidence.source is SpeakerSource.CAPTIONS:
        return _weight(said, evidence) > 0
    return _overlap(said, evidence) > MOST_OF_IT * (said.end - said.start)


def _weight(said: Said, evidence: SpeakerEvidence) -> float:
    """Return how much a piece of evidence says about a segment: seconds, 0 for nothing."""
    overlap = _overlap(said, evidence)
    if evidence.source is not SpeakerSource.CAPTIONS or evidence.text is None:
        return max(0.0, overlap)
    if evidence.start is not None and overlap <= 0:
        return 0.0
    alike = fuzz.partial_ratio(said.text, evidence.text, processor=utils.default_process) / 100.0
    shorter, longer = sorted((len(said.text), len(evidence.text)))
    enough = shorter >= 8 or shorter >= MOST_OF_IT * longer
    return alike * (said.end - said.start) if alike >= ALIKE and enough else 0.0
