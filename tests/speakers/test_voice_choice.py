"""Which voice embedding is taken, and what helps to a better one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from livetranslate.speakers.choice import choose_embedding
from livetranslate.speakers.light.embedding import LightEmbedding
from support.speech import recording


def test_without_a_model_the_light_embedding_is_there(tmp_path: Path) -> None:
    chosen = choose_embedding(tmp_path)
    assert isinstance(chosen.embedding, LightEmbedding)
    assert str(tmp_path / "speakers") in chosen.reason


def test_a_file_that_is_no_model_is_told_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "speakers").mkdir()
    (tmp_path / "speakers" / "voices.onnx").write_bytes(b"no model")
    chosen = choose_embedding(tmp_path)
    assert isinstance(chosen.embedding, LightEmbedding)
    assert "sherpa" in chosen.reason


def test_a_voice_is_a_vector_whatever_its_level_and_silence_is_none() -> None:
    light = LightEmbedding()
    audio = recording("en_25").audio[8_000:32_000]
    voice, quieter = light.embed(audio), light.embed((audio / 4).astype(np.float32))
    assert voice is not None and quieter is not None
    assert voice.shape == (light.capabilities.dimensions,)
    assert np.linalg.norm(voice - quieter) < 0.2 * light.capabilities.scale
    assert light.embed(np.zeros(3_000, dtype=np.float32)) is None
