"""Pieces of speech gathered by voice, one after the other, with bounded memory. Pure.

Online clustering with centroids (leader clustering; Hartigan 1975): a piece joins the speaker it is
most like, or begins a new one. A new one counts only once enough was heard of it, for one odd piece
is no speaker; until then its pieces are counted to the speaker they are most like. Two that turn
out alike become one. Both change labels of the past.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from livetranslate.speakers.voices import EmbeddingCapabilities, Vector, likeness


class ClusterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """When a voice counts.

    Attributes:
        new_s: A piece must be this long to begin a speaker.
        settled_s: Speech from which a speaker counts.
        most: Speakers at most; beyond, a piece joins the one it is most like.
        memory_s: Speech that weighs in a speaker's centroid; older speech fades.
    """

    new_s: float = 0.9
    settled_s: float = 3.0
    most: int = 24
    memory_s: float = 60.0


class Voice(msgspec.Struct, frozen=True):
    """One speaker's voice.

    Attributes:
        key: Its number among all that were ever begun.
        number: Its number as a speaker, once it counts.
        vector: Its centroid, float32 little endian.
        speech_s: Seconds that the centroid was made from.
        alias: Key of the voice that it became one with.
    """

    key: int
    number: int | None
    vector: bytes
    speech_s: float
    alias: int | None = None

    @property
    def centroid(self) -> Vector:
        """The vector, shape ``(dimensions,)``."""
        return np.frombuffer(self.vector, dtype="<f4")


class Voices:
    """All voices of a session.

    Args:
        capabilities: How vectors compare.
        options: When a voice counts.
        voices: What ``state`` gave, to go on from there.
    """

    def __init__(
        self,
        capabilities: EmbeddingCapabilities,
        options: ClusterOptions,
        voices: Sequence[Voice] = (),
    ) -> None:
        self._capabilities = capabilities
        self._options = options
        self._voices: dict[int, Voice] = {voice.key: voice for voice in voices}
        self._next_key = max(self._voices, default=-1) + 1
        self._next_number = 1 + max((v.number for v in voices if v.number is not None), default=-1)

    def state(self) -> tuple[Voice, ...]:
        """Return what other voices need to go on."""
        return tuple(self._voices.values())

    def speakers(self) -> list[Voice]:
        """Return the voices that count, in the order in which they began to."""
        counting = [v for v in self._voices.values() if v.number is not None and v.alias is None]
        return sorted(counting, key=lambda voice: voice.number or 0)

    def join(self, vector: Vector, speech_s: float) -> int:
        """Take a piece; return the key of its voice."""
        live = [voice for voice in self._voices.values() if voice.alias is None]
        likes = [(self._like(vector, voice.centroid), voice) for voice in live]
        best = max(likes, key=lambda one: one[0], default=None)
        full = len(live) >= self._options.most
        if best is None or (best[0] < self._capabilities.join and not full):
            if best is None or speech_s >= self._options.new_s:
                return self._begin(vector, speech_s)
            return best[1].key
        self._learn(best[1], vector, speech_s)
        self._merge(best[1].key)
        return self._root(best[1].key).key

    def number(self, key: int) -> int | None:
        """Return the number of the speaker that a voice is counted to; None if there is none."""
        voice = self._root(key)
        if voice.number is not None:
            return voice.number
        speakers = self.speakers()
        if not speakers:
            return None
        nearest = max(speakers, key=lambda other: self._like(voice.centroid, other.centroid))
        return nearest.number

    def root(self, key: int) -> int:
        """Return the key of the voice that this one became one with, or its own."""
        return self._root(key).key

    def counts(self, key: int) -> bool:
        """Return whether a voice is a speaker's."""
        return self._root(key).number is not None

    def now(self, number: int) -> int:
        """Return the number of the speaker that this one became one with."""
        for voice in self._voices.values():
            if voice.number == number:
                return self.number(voice.key) or 0
        return number

    def forget(self, needed: set[int]) -> None:
        """Let go of voices that never counted and are not needed."""
        roots = {self._root(key).key for key in needed}
        for key, voice in list(self._voices.items()):
            if key not in needed | roots and voice.number is None:
                del self._voices[key]

    def _like(self, one: Vector, other: Vector) -> float:
        return likeness(self._capabilities, one, other)

    def _begin(self, vector: Vector, speech_s: float) -> int:
        key, self._next_key = self._next_key, self._next_key + 1
        self._voices[key] = Voice(key, None, vector.astype("<f4").tobytes(), speech_s)
        self._count(key)
        return key

    def _learn(self, voice: Voice, vector: Vector, speech_s: float) -> None:
        self._voices[voice.key] = self._mixed(voice, vector, speech_s)
        self._count(voice.key)

    def _mixed(self, voice: Voice, vector: Vector, speech_s: float) -> Voice:
        total = voice.speech_s + speech_s
        centroid = (voice.centroid * voice.speech_s + vector * speech_s) / total
        return msgspec.structs.replace(
            voice,
            vector=centroid.astype("<f4").tobytes(),
            speech_s=min(total, self._options.memory_s),
        )

    def _count(self, key: int) -> None:
        """Let a voice count once enough was heard of it; the first one does at once."""
        voice = self._voices[key]
        enough = voice.speech_s >= self._options.settled_s or not self._next_number
        if voice.number is None and enough:
            self._voices[key] = msgspec.structs.replace(voice, number=self._next_number)
            self._next_number += 1

    def _merge(self, key: int) -> None:
        """Make one of two voices that are alike; the older speaker stays."""
        mine = self._voices[key]
        for other in list(self._voices.values()):
            if other.key == mine.key or other.alias is not None:
                continue
            if self._like(mine.centroid, other.centroid) < self._capabilities.merge:
                continue
            kept, gone = sorted((mine, other), key=_age)
            mine = self._mixed(kept, gone.centroid, gone.speech_s)
            self._voices[kept.key] = mine
            self._voices[gone.key] = msgspec.structs.replace(gone, alias=kept.key, vector=b"")
            for voice in list(self._voices.values()):
                if voice.alias == gone.key:
                    self._voices[voice.key] = msgspec.structs.replace(voice, alias=kept.key)

    def _root(self, key: int) -> Voice:
        voice = self._voices[key]
        while voice.alias is not None:
            voice = self._voices[voice.alias]
        return voice


def _age(voice: Voice) -> tuple[bool, int, int]:
    return (voice.number is None, voice.number or 0, voice.key)
