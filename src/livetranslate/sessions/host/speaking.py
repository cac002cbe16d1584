"""Speakers in a session host: who says a segment, and what past segments are to be told of it.

Diarization hears the session's own audio, before any enhancement, and is asked about it exactly up
to where recognition has got to. What changes the past is noted in the state (so that no death of
a host loses it) until the host has told it.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.asr.streaming import Step
from livetranslate.domain.speakers import Correlation, SpeakerEvidence, SpeakerSource
from livetranslate.domain.speech import Segment, Word
from livetranslate.speakers.clustering import Voice
from livetranslate.speakers.correlating import Correlator, CorrelatorState, Said
from livetranslate.speakers.diarizer import Diarizer, DiarizerState, Look, speaker_between
from livetranslate.speakers.parting import first_of_another
from livetranslate.speakers.voices import VoiceEmbedding

VOICE_S = 4.0
"""Speech of somebody after which his voice is told, to be matched with those known."""
TEXT_CHARS = 200

Labels = Mapping[str, str | None]
"""The speaker that each final segment has now."""


class SpeakersState(msgspec.Struct, frozen=True, kw_only=True):
    """What another host needs to go on.

    Attributes:
        diarizer: Who speaks when; None where speakers are not told apart.
        correlator: Who they are.
        moved: Segments that are another speaker's than was told.
        merged: Speakers that turned out to be others, with those.
        voiced: Speakers whose voices were told.
    """

    diarizer: DiarizerState | None = None
    correlator: CorrelatorState = CorrelatorState()
    moved: tuple[tuple[str, str], ...] = ()
    merged: tuple[tuple[str, str], ...] = ()
    voiced: tuple[str, ...] = ()


class Relabelled(msgspec.Struct, frozen=True):
    """Something to be told as ``speaker_update``.

    Attributes:
        correlation: Who, and why.
        segment_ids: The segments.
    """

    correlation: Correlation
    segment_ids: tuple[str, ...]


class SessionSpeakers:
    """The speakers of one session.

    Args:
        embedding: Makes vectors of voices; None where speakers are not told apart.
        state: Where another host had got to.
    """

    def __init__(self, embedding: VoiceEmbedding | None, state: SpeakersState) -> None:
        self._embedding = embedding
        self._diarizer = Diarizer(embedding, state=state.diarizer) if embedding else None
        self._correlator = Correlator(state.correlator)
        self._moved = dict(state.moved)
        self._merged = dict(state.merged)
        self._voiced = set(state.voiced)

    @property
    def start(self) -> int | None:
        """Sample from which audio is needed for the piece under way; None without one."""
        return self._diarizer.start if self._diarizer else None

    @property
    def due(self) -> bool:
        """Whether there is something to tell of the past."""
        correlator = self._correlator
        return bool(self._moved or self._merged or correlator.changed or correlator.timed) or bool(
            self._unvoiced()
        )

    def state(self) -> SpeakersState:
        """Return what another host needs to go on from here."""
        return SpeakersState(
            diarizer=self._diarizer.state() if self._diarizer else None,
            correlator=self._correlator.state(),
            moved=tuple(self._moved.items()),
            merged=tuple(self._merged.items()),
            voiced=tuple(sorted(self._voiced)),
        )

    def hear(self, start: int, pcm: NDArray[np.int16], *, needed_from: int) -> None:
        """Take samples from ``start`` on; those before ``needed_from`` can go."""
        if self._diarizer is not None:
            self._diarizer.hear(start, pcm)
            self._diarizer.forget(needed_from)

    async def look(self, step: Step) -> Look | None:
        """Find out who speaks up to the end of a step; changes nothing."""
        if self._diarizer is None:
            return None
        return await asyncio.to_thread(self._diarizer.look, step.start, step.end, final=step.final)

    def take(self, look: Look | None) -> None:
        """Take what was found."""
        if self._diarizer is None or look is None:
            return
        before = set(self._diarizer.voices())
        if not self._diarizer.take(look):
            return
        for gone in sorted(before - set(self._diarizer.voices())):
            into = self._diarizer.now_called(gone)
            self._merged[gone] = into
            self._correlator.merge(gone, into)
        turns = self._diarizer.turns()
        for said in self._correlator.recent():
            speaker = speaker_between(turns, said.start, said.end)
            if speaker is not None and said.speaker_id not in (None, speaker):
                self._moved[said.segment_id] = speaker
                self._correlator.relabel(said.segment_id, speaker)

    def parting(self, words: Sequence[Word]) -> int | None:
        """Return which of these words is the first that another person says, if any is."""
        if self._diarizer is None or len(words) < 2:
            return None
        return first_of_another(words, self._diarizer.changes())

    def of(self, segment: Segment) -> Correlation | None:
        """Return who says a segment; a final one is noted."""
        speaker: str | None = None
        if self._diarizer is not None and segment.words:
            speaker = speaker_between(self._diarizer.turns(), segment.start, segment.end)
        if segment.is_final:
            said = Said(
                segment.segment_id, segment.start, segment.end, segment.text[:TEXT_CHARS], speaker
            )
            found = self._correlator.hear(said)
        else:
            found = self._correlator.of(speaker) if speaker else None
        if found is None and speaker is not None:
            return Correlation(
                speaker_id=speaker, speaker_name=None, method=SpeakerSource.DIARIZATION
            )
        return found

    def evidence(self, evidence: SpeakerEvidence) -> None:
        """Take a hint at who somebody is."""
        self._correlator.take(evidence)

    def tell(self, labels: Labels) -> list[Relabelled]:
        """Return what is to be told of the past; it counts as told then.

        Args:
            labels: The speaker that each final segment has now, by what was told.
        """
        now = dict(labels)
        told: list[Relabelled] = []
        for old, new in self._merged.items():
            ids = tuple(name for name, label in now.items() if label == old)
            told += self._moving({name: new for name in ids}, now)
        told += self._moving(self._moved, now)
        for correlation in self._correlator.changed:
            ids = tuple(name for name, label in now.items() if label == correlation.speaker_id)
            told.append(Relabelled(self._with_voice(correlation), ids))
        told += _by_whom(self._correlator.timed)
        told += [Relabelled(self._voice(name), ()) for name in self._unvoiced()]
        self._voiced.update(self._unvoiced())
        self._merged.clear()
        self._moved.clear()
        self._correlator.announced()
        return told

    def _moving(self, moved: Mapping[str, str], now: dict[str, str | None]) -> list[Relabelled]:
        groups: dict[str, list[str]] = {}
        for segment_id, speaker in moved.items():
            if now.get(segment_id) != speaker:
                now[segment_id] = speaker
                groups.setdefault(speaker, []).append(segment_id)
        return [Relabelled(self._called(name), tuple(ids)) for name, ids in groups.items()]

    def _called(self, speaker_id: str) -> Correlation:
        return self._correlator.of(speaker_id) or Correlation(
            speaker_id=speaker_id, speaker_name=None, method=SpeakerSource.DIARIZATION
        )

    def _unvoiced(self) -> list[str]:
        """Return speakers of whom enough was heard to tell their voices."""
        if self._diarizer is None:
            return []
        return [
            name
            for name, voice in self._diarizer.voices().items()
            if voice.speech_s >= VOICE_S and name not in self._voiced
        ]

    def _voice(self, speaker_id: str) -> Correlation:
        known = self._correlator.of(speaker_id)
        plain = Correlation(
            speaker_id=speaker_id,
            speaker_name=known.speaker_name if known else None,
            method=known.method if known else SpeakerSource.DIARIZATION,
            confidence=known.confidence if known else None,
        )
        return self._with_voice(plain)

    def _with_voice(self, correlation: Correlation) -> Correlation:
        """Add the speaker's voice, if enough was heard of it, to what is kept."""
        voices = self._diarizer.voices() if self._diarizer else {}
        voice = voices.get(correlation.speaker_id)
        if voice is None or self._embedding is None or voice.speech_s < VOICE_S:
            return correlation
        kept = {**correlation.evidence, "voice": _kept(voice, self._embedding)}
        return msgspec.structs.replace(correlation, evidence=kept)


def _kept(voice: Voice, embedding: VoiceEmbedding) -> dict[str, Any]:
    return {
        "model": embedding.capabilities.model,
        "embedding": msgspec.to_builtins(embedding.capabilities),
        "vector": b64encode(voice.vector).decode(),
        "speech_s": round(voice.speech_s, 2),
    }


def _by_whom(timed: Mapping[str, Correlation]) -> list[Relabelled]:
    groups: dict[tuple[str, str | None], tuple[Correlation, list[str]]] = {}
    for segment_id, one in timed.items():
        key = (one.speaker_id, one.speaker_name)
        groups.setdefault(key, (one, []))[1].append(segment_id)
    return [Relabelled(one, tuple(ids)) for one, ids in groups.values()]
