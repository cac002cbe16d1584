"""What a voice embedding has to offer: vectors that are near for one voice, far for two."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Vector = NDArray[np.float32]


class Metric(str, Enum):
    """How two vectors compare."""

    COSINE = "cosine"
    EUCLIDEAN = "euclidean"


class EmbeddingCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an embedding can do, and how its vectors are to be read.

    Attributes:
        model: Name of what makes the vectors; only vectors of one model compare.
        dimensions: Length of a vector.
        metric: How two vectors compare.
        scale: Distance at which the likeness by ``euclidean`` is 1/2; unused by ``cosine``.
        least_s: Seconds of speech below which there is no vector.
        join: Likeness to a speaker from which a stretch of speech is taken for his.
        merge: Likeness of two speakers from which they are taken for one.
        identify: Likeness from which a voice is taken for one known from another session.
        real_voices: Whether it was made for people's voices, not synthetic ones alone.
    """

    model: str
    dimensions: int
    metric: Metric
    scale: float = 1.0
    least_s: float
    join: float
    merge: float
    identify: float
    real_voices: bool


class VoiceEmbedding(Protocol):
    """Makes vectors of voices; may be called from any thread."""

    @property
    def capabilities(self) -> EmbeddingCapabilities:
        """What it can do."""
        ...

    def embed(self, audio: Samples) -> Vector | None:
        """Return the voice in a stretch of speech, or None if there is too little of it.

        Args:
            audio: Mono 16 kHz in [-1, 1), shape (n,).

        Returns:
            float32 of shape ``(dimensions,)``.
        """
        ...


def likeness(capabilities: EmbeddingCapabilities, one: Vector, other: Vector) -> float:
    """Return how alike two voices are: 1 for the same, 0 or less for quite different ones."""
    if capabilities.metric is Metric.COSINE:
        lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
        return float(one @ other) / lengths if lengths else 0.0
    distance = float(np.linalg.norm(one - other)) / capabilities.scale
    return 1.0 / (1.0 + distance * distance)
