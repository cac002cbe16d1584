"""Online diarization of one session: who speaks when, as far as it was heard.

It takes the audio of the session as it comes and looks at it up to where recognition has got to,
so that the same audio gives the same speakers however it comes. Looking (``look``) computes and
changes nothing, so it may run in another thread; ``take`` changes and does not compute. What is
kept is bounded: the speech of the piece under way, the turns of the last minutes and a centroid
for each speaker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.speakers.clustering import ClusterOptions, Voice, Voices
from livetranslate.speakers.pieces import CutOptions, cut, seconds_of
from livetranslate.speakers.voices import Vector, VoiceEmbedding

PIECES_KEPT = 256
"""Pieces whose speakers may still change, at most; the oldest is settled beyond."""
QUIET_DB = -40.0
NEW_TURN_S = 1.5
"""A turn this long of a voice that is no speaker (yet) is taken for one of another person."""
LABEL = "SPEAKER_"


class DiarizerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How pieces are cut and gathered."""

    cutting: CutOptions = CutOptions()
    clusters: ClusterOptions = ClusterOptions()


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of speech of one voice, in samples of the session.

    Attributes:
        start: First sample.
        end: Sample after the last one.
        voice: Key of its voice.
    """

    start: int
    end: int
    voice: int


class Turn(msgspec.Struct, frozen=True):
    """A stretch of speech of one speaker.

    Attributes:
        start: Seconds from the session's first sample.
        end: Seconds.
        speaker_id: Such as ``SPEAKER_00``.
    """

    start: float
    end: float
    speaker_id: str


class DiarizerState(msgspec.Struct, frozen=True, kw_only=True):
    """What another diarizer needs to go on, given the audio from ``start`` on.

    Attributes:
        model: What its vectors are of.
        start: Sample from which audio must come again; None if none is needed of what was heard.
        looked: Sample up to which speech was looked at.
        peak_db: Loudness of the loud parts.
        pieces: The newest pieces.
        voices: All voices.
    """

    model: str
    start: int | None = None
    looked: int = 0
    peak_db: float = QUIET_DB
    pieces: tuple[Piece, ...] = ()
    voices: tuple[Voice, ...] = ()


class Look(msgspec.Struct, frozen=True):
    """What was found in audio; to be taken before anything else is looked at.

    Attributes:
        end: Sample up to which it was looked at.
        rest: Sample from which on nothing is decided.
        peak_db: Loudness of the loud parts.
        pieces: Begin, end and voice of each piece.
    """

    end: int
    rest: int
    peak_db: float
    pieces: tuple[tuple[int, int, Vector | None], ...]


class Diarizer:
    """Tells the speakers of one session apart.

    Args:
        embedding: Makes vectors of voices.
        options: How pieces are cut and gathered.
        state: Where another diarizer had got to; one of another model gives nothing but its place.
    """

    def __init__(
        self,
        embedding: VoiceEmbedding,
        options: DiarizerOptions | None = None,
        state: DiarizerState | None = None,
    ) -> None:
        self._embedding = embedding
        self._options = options or DiarizerOptions()
        model = embedding.capabilities.model
        if state is None or state.model != model:
            state = DiarizerState(model=model, looked=state.looked if state else 0)
        self._voices = Voices(embedding.capabilities, self._options.clusters, state.voices)
        self._pieces = deque(state.pieces)
        self._looked = state.looked
        self._from = state.looked if state.start is None else state.start
        self._peak_db = state.peak_db
        self._first = self._from
        self._audio: NDArray[np.int16] = np.zeros(0, dtype=np.int16)

    @property
    def start(self) -> int | None:
        """Sample from which audio is still needed; None if none is of what was looked at."""
        return self._from if self._from < self._looked else None

    def state(self) -> DiarizerState:
        """Return what another diarizer needs to go on from here."""
        return DiarizerState(
            model=self._embedding.capabilities.model,
            start=self.start,
            looked=self._looked,
            peak_db=self._peak_db,
            pieces=tuple(self._pieces),
            voices=self._voices.state(),
        )

    def hear(self, start: int, pcm: NDArray[np.int16]) -> None:
        """Take samples of the session from ``start`` on; what is there already is left out."""
        end = self._first + len(self._audio)
        if not len(self._audio):
            self._first = end = max(start, self._from)
        new = pcm[max(end - start, 0) :]
        self._audio = np.concatenate([self._audio, new]) if len(self._audio) else new.copy()

    def forget(self, before: int) -> None:
        """Let audio go that no utterance holds."""
        self._drop(min(before, self._from) if self.start is not None else before)

    def look(self, start: int, end: int, *, final: bool) -> Look:
        """Find pieces in the speech that has come, and their voices; changes nothing.

        Args:
            start: Sample at which recognition's window begins; silence before it is passed over.
            end: Sample up to which to look.
            final: Whether a pause follows.
        """
        begin = self._from if self.start is not None else max(self._from, start)
        audio = self._audio[max(begin - self._first, 0) : max(end - self._first, 0)]
        begin = max(begin, self._first)
        found = cut(audio, self._peak_db, self._options.cutting, final=final)
        pieces = tuple(
            (begin + first, begin + last, self._embed(audio[first:last]))
            for first, last in found.pieces
        )
        return Look(max(end, self._looked), begin + found.rest, found.peak_db, pieces)

    def take(self, look: Look) -> bool:
        """Take what was found; return whether speakers of the past may have changed."""
        before = [self._voices.number(piece.voice) for piece in self._pieces]
        known = len(self._pieces)
        for start, end, vector in look.pieces:
            self._add(start, end, vector)
        self._looked, self._from, self._peak_db = look.end, look.rest, look.peak_db
        self._drop(self._from)
        changed = before != [
            self._voices.number(piece.voice) for piece in list(self._pieces)[:known]
        ]
        while len(self._pieces) > PIECES_KEPT:
            self._pieces.popleft()
        self._voices.forget({piece.voice for piece in self._pieces})
        return changed

    def turns(self) -> list[Turn]:
        """Return the speakers' turns that are remembered, in order; neighbours are joined."""
        numbers = ((piece, self._voices.number(piece.voice)) for piece in self._pieces)
        return _joined((piece, label_of(one)) for piece, one in numbers if one is not None)

    def changes(self) -> list[Turn]:
        """Return the same with voices that may yet become speakers, if they go on for a while."""
        runs: list[list[Piece]] = []
        for piece in self._pieces:
            if runs and self._voices.root(runs[-1][-1].voice) == self._voices.root(piece.voice):
                runs[-1].append(piece)
            else:
                runs.append([piece])
        return _joined((piece, self._called(run)) for run in runs for piece in run)

    def voices(self) -> dict[str, Voice]:
        """Return the voice of each speaker."""
        return {
            label_of(voice.number): voice
            for voice in self._voices.speakers()
            if voice.number is not None
        }

    def now_called(self, speaker_id: str) -> str:
        """Return the speaker that one who is no speaker any more became one with."""
        number = int(speaker_id.removeprefix(LABEL))
        return label_of(self._voices.now(number))

    def _called(self, run: Sequence[Piece]) -> str:
        """Return the speaker of a run of one voice; a name of its own if that may become one."""
        long = run[-1].end - run[0].start >= NEW_TURN_S * SAMPLE_RATE
        key, number = self._voices.root(run[0].voice), self._voices.number(run[0].voice)
        if number is None or (long and not self._voices.counts(key)):
            return f"voice {key}"
        return label_of(number)

    def _embed(self, pcm: NDArray[np.int16]) -> Vector | None:
        if len(pcm) < self._embedding.capabilities.least_s * SAMPLE_RATE:
            return None
        return self._embedding.embed(pcm.astype(np.float32) / 32768.0)

    def _add(self, start: int, end: int, vector: Vector | None) -> None:
        """Take a piece; one too short to know a voice by belongs to the nearest before it."""
        if vector is not None:
            key = self._voices.join(vector, seconds_of((start, end)))
        elif self._pieces:
            key = self._pieces[-1].voice
        else:
            return
        self._pieces.append(Piece(start, end, key))

    def _drop(self, before: int) -> None:
        count = min(max(before - self._first, 0), len(self._audio))
        if count:
            self._audio = self._audio[count:].copy()
            self._first += count


def _joined(pieces: Iterable[tuple[Piece, str]]) -> list[Turn]:
    found: list[Turn] = []
    for piece, name in pieces:
        start, end = piece.start / SAMPLE_RATE, piece.end / SAMPLE_RATE
        if found and found[-1].speaker_id == name:
            found[-1] = msgspec.structs.replace(found[-1], end=end)
        else:
            found.append(Turn(start, end, name))
    return found


def label_of(number: int) -> str:
    """Return the label of a speaker without a name."""
    return f"{LABEL}{number:02d}"


def speaker_between(turns: Sequence[Turn], start: float, end: float) -> str | None:
    """Return who speaks most between two times, or None if nobody does."""
    shares: dict[str, float] = {}
    for turn in turns:
        overlap = min(turn.end, end) - max(turn.start, start)
        if overlap > 0:
            shares[turn.speaker_id] = shares.get(turn.speaker_id, 0.0) + overlap
    return max(shares, key=lambda one: shares[one]) if shares else None
