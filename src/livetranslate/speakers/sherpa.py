"""Voice embeddings by sherpa-onnx, where it and one of its models are installed.

Any of its speaker recognition models will do (``*.onnx`` of the k2-fsa releases, such as 3D-Speaker
CAM++ or WeSpeaker ResNet): put one file into ``MODEL_DIR/speakers``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import ModelUnavailable
from livetranslate.speakers.voices import EmbeddingCapabilities, Metric, Samples, Vector


class SherpaEmbedding:
    """A ``VoiceEmbedding`` by a model file.

    Args:
        model: The file.

    Raises:
        ModelUnavailable: sherpa-onnx is not installed, or refuses the file.
    """

    def __init__(self, model: Path) -> None:
        try:
            sherpa: Any = importlib.import_module("sherpa_onnx")
        except ImportError as error:
            raise ModelUnavailable(
                "sherpa-onnx is not installed: pip install 'livetranslate[speakers]'"
            ) from error
        try:
            config = sherpa.SpeakerEmbeddingExtractorConfig(model=str(model), num_threads=1)
            self._extractor: Any = sherpa.SpeakerEmbeddingExtractor(config)
        except (RuntimeError, ValueError) as error:
            raise ModelUnavailable(
                f"sherpa-onnx cannot load {model.name}; put one of its speaker recognition models "
                f"into {model.parent}"
            ) from error
        self.capabilities = EmbeddingCapabilities(
            model=f"sherpa:{model.stem}",
            dimensions=int(self._extractor.dim),
            metric=Metric.COSINE,
            least_s=0.5,
            join=0.5,
            merge=0.7,
            identify=0.6,
            real_voices=True,
        )

    def embed(self, audio: Samples) -> Vector | None:
        """See ``VoiceEmbedding``."""
        stream: Any = self._extractor.create_stream()
        stream.accept_waveform(sample_rate=SAMPLE_RATE, waveform=audio)
        stream.input_finished()
        if not self._extractor.is_ready(stream):
            return None
        return np.array(self._extractor.compute(stream), dtype=np.float32)
