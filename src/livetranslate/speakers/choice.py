"""Which voice embedding is used."""

from __future__ import annotations

from pathlib import Path

import msgspec

from livetranslate.domain.errors import ModelUnavailable
from livetranslate.speakers.light.embedding import LightEmbedding
from livetranslate.speakers.sherpa import SherpaEmbedding
from livetranslate.speakers.voices import VoiceEmbedding

FOLDER = "speakers"


class Chosen(msgspec.Struct, frozen=True):
    """An embedding, why it was chosen, and how to get a better one."""

    embedding: VoiceEmbedding
    reason: str


def choose_embedding(model_dir: Path) -> Chosen:
    """Return sherpa-onnx's embedding if a model of it is in ``model_dir/speakers``, else the light.

    Never fails: without a model that works the light one is always there.
    """
    models = sorted((model_dir / FOLDER).glob("*.onnx"))
    if not models:
        reason = (
            f"no speaker model in {model_dir / FOLDER}; the light embedding tells synthetic voices "
            "apart, people's less well"
        )
        return Chosen(LightEmbedding(), reason)
    try:
        return Chosen(SherpaEmbedding(models[0]), f"{models[0].name} is installed")
    except ModelUnavailable as error:
        return Chosen(LightEmbedding(), error.message)
