"""The light embedding: a linear projection of ``features.describe``.

The projection is a linear discriminant analysis (Fisher 1936): within one voice all directions are
equally wide, and only those are kept in which voices differ. It was learned from 615 synthetic
voices (espeak-ng's variants, spoken at other pitches and played at other speeds, with noise); none
of flite's voices, nor espeak-ng's m3, f2, f3 and plain ones, which the tests tell apart, was among
them. ``scripts/learn_voices.py`` makes it anew. On people's voices it is a makeshift.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from livetranslate.speakers.light.features import Samples, describe
from livetranslate.speakers.voices import EmbeddingCapabilities, Metric, Vector

MODEL = "light-1"
DIMENSIONS = 10


class LightEmbedding:
    """A ``VoiceEmbedding`` that is always there; stateless."""

    capabilities = EmbeddingCapabilities(
        model=MODEL,
        dimensions=DIMENSIONS,
        metric=Metric.EUCLIDEAN,
        scale=4.6,
        least_s=0.5,
        join=0.5,
        merge=0.65,
        identify=0.66,
        real_voices=False,
    )

    def embed(self, audio: Samples) -> Vector | None:
        """See ``VoiceEmbedding``."""
        described = describe(audio)
        if described is None:
            return None
        mean, projection = _learned()
        return ((described - mean) @ projection).astype(np.float32)


@lru_cache(maxsize=1)
def _learned() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean, shape (described,), and the projection, shape (described, dimensions)."""
    with as_file(files(__package__ or "") / "voices.npz") as path, np.load(path) as learned:
        return learned["mean"].astype(np.float64), learned["projection"].astype(np.float64)
