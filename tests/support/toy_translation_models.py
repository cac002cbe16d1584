"""CTranslate2 translation models whose every word is known beforehand.

They are true encoder-decoder Transformers with weights set by hand: the decoder attends by its
position to the same position of the source, and the output projection holds a dictionary from
source words to target words. A second attention head looks for a cue word anywhere in the source
and turns some words' translation over: «book» is «libro», but «reservar» where «want» was said.

A model space of 256 dimensions is laid out as: tokens 0-119 (one-hot), positions 120-247 (one-hot),
cues 248-255. Two one-hots have the same mean and variance wherever they are, so a layer norm with
matching weights passes them as they are.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from ctranslate2.specs import transformer_spec

WIDTH, TOKENS, POSITIONS, CUES = 256, 120, 128, 8
HEAD = WIDTH // 2
EPSILON = 1e-5

ENGLISH_SPANISH = {
    "the": "el",
    "meeting": "encuentro",
    "deadline": "plazo",
    "budget": "presupuesto",
    "room": "cuarto",
    "is": "es",
    "long": "largo",
    "monday": "lunes",
    "book": "libro",
    "i": "yo",
    "want": "quiero",
    "to": "a",
    "we": "nosotros",
    "need": "necesitamos",
    "good": "bueno",
    "morning": "día",
    "order": "pedido",
    "ready": "listo",
    "and": "y",
    "new": "nuevo",
}
ENGLISH_FRENCH = {"the": "le", "meeting": "réunion", "deadline": "délai", "is": "est"}
TURNED_BY_WANT = {"book": "reservar"}


def make_marian(directory: Path) -> Path:
    """Write a model as OPUS-MT models are laid out, from English to Spanish."""
    _write(directory, {"want": TURNED_BY_WANT}, special=[], offset=0, start="<s>")
    (directory / "source.spm").write_bytes(_word_tokenizer(list(ENGLISH_SPANISH)))
    (directory / "target.spm").write_bytes(
        _word_tokenizer([*ENGLISH_SPANISH.values(), *TURNED_BY_WANT.values()])
    )
    return directory


def make_m2m100(directory: Path) -> Path:
    """Write a model with the language tokens of M2M100, for English and Spanish."""
    _write(directory, {}, special=["__en__", "__es__"], offset=0, start="</s>")
    _shared_tokenizer(directory / "sentencepiece.bpe.model")
    return directory


def make_nllb(directory: Path) -> Path:
    """Write a model with the language tokens of NLLB, for English and Spanish."""
    _write(directory, {}, special=["eng_Latn", "spa_Latn"], offset=0, start="</s>")
    _shared_tokenizer(directory / "sentencepiece.bpe.model")
    return directory


def make_madlad(directory: Path) -> Path:
    """Write a model with the target tokens of MADLAD, into Spanish and French."""
    special = ["<2es>", "<2fr>"]
    _write(directory, {"<2fr>": ENGLISH_FRENCH}, special=special, offset=1, start="<s>")
    _shared_tokenizer(directory / "spiece.model")
    return directory


def _write(
    directory: Path,
    turned: dict[str, dict[str, str]],
    *,
    special: list[str],
    offset: int,
    start: str,
) -> None:
    alternatives = [word for words in turned.values() for word in words.values()]
    words = dict.fromkeys([*ENGLISH_SPANISH, *ENGLISH_SPANISH.values(), *alternatives])
    vocabulary = ["<unk>", "<s>", "</s>", *special, *(f"▁{word}" for word in words)]
    spec: Any = transformer_spec.TransformerSpec.from_config((1, 1), 2, pre_norm=True)
    spec.register_source_vocabulary(vocabulary)
    spec.register_target_vocabulary(vocabulary)
    spec.config.decoder_start_token = start
    spec.config.layer_norm_epsilon = EPSILON
    _fill_embeddings(spec, len(vocabulary))
    ids = {token: number for number, token in enumerate(vocabulary)}
    cues = [ids.get(cue, ids.get(f"▁{cue}", 0)) for cue in turned]
    _fill_encoder(spec)
    _fill_decoder(spec, cues, offset)
    spec.decoder.projection.weight = _dictionary(ids, turned)
    spec.validate()
    directory.mkdir(parents=True)
    spec.save(str(directory))
    config = json.loads((directory / "config.json").read_text())
    assert config["decoder_start_token"] == start


def _fill_embeddings(spec: Any, tokens: int) -> None:
    assert tokens <= TOKENS
    embedding = np.eye(tokens, WIDTH, dtype=np.float32)
    positions = np.eye(POSITIONS, WIDTH, k=TOKENS, dtype=np.float32)
    spec.encoder.embeddings[0].weight = embedding
    spec.decoder.embeddings.weight = embedding
    for part in (spec.encoder, spec.decoder):
        part.scale_embeddings = False
        part.position_encodings.encodings = positions


def _fill_encoder(spec: Any) -> None:
    layer = spec.encoder.layer[0]
    _no_self_attention(layer.self_attention)
    _no_feed_forward(layer.ffn)
    _pass_one_hots(spec.encoder.layer_norm)


def _fill_decoder(spec: Any, cues: list[int], offset: int) -> None:
    layer = spec.decoder.layer[0]
    _no_self_attention(layer.self_attention)
    _no_feed_forward(layer.ffn)
    _pass_one_hots(layer.attention.layer_norm)
    query, key = _zeros(WIDTH, WIDTH), _zeros(WIDTH, WIDTH)
    value, out = _zeros(WIDTH, WIDTH), _zeros(WIDTH, WIDTH)
    sharp = 20 * np.sqrt(HEAD)
    for position in range(POSITIONS):
        query[position, TOKENS + position] = sharp
        query[HEAD, TOKENS + position] = sharp
        if position >= offset:
            key[position - offset, TOKENS + position] = 1
    for token in range(TOKENS):
        value[token, token] = 1
        out[token, token] = 8
    for number, token in enumerate(cues):
        key[HEAD, token] = 1
        value[HEAD + number, token] = 1
        out[TOKENS + POSITIONS + number, HEAD + number] = 8
    layer.attention.linear[0].weight = query
    layer.attention.linear[1].weight = np.concatenate([key, value])
    layer.attention.linear[2].weight = out
    for linear in layer.attention.linear:
        linear.bias = _zeros(linear.weight.shape[0])
    spec.decoder.layer_norm.gamma = np.ones(WIDTH, dtype=np.float32)
    spec.decoder.layer_norm.beta = _zeros(WIDTH)


def _dictionary(ids: dict[str, int], turned: dict[str, dict[str, str]]) -> np.ndarray:
    weight = _zeros(len(ids), WIDTH)
    weight[ids["</s>"], ids["</s>"]] = 1
    weight[ids["<unk>"], ids["<unk>"]] = 0.35
    for source, target in ENGLISH_SPANISH.items():
        weight[ids[f"▁{target}"], ids[f"▁{source}"]] = 1
    for token in ids.keys() & {"__en__", "eng_Latn"}:
        weight[ids["▁bueno"], ids[token]] = 1  # heard unless the target language is forced there
    for number, words in enumerate(turned.values()):
        for source, target in words.items():
            weight[ids[f"▁{target}"], ids[f"▁{source}"]] = 0.8
            weight[ids[f"▁{target}"], TOKENS + POSITIONS + number] = 0.5
    return weight


def _pass_one_hots(norm: Any) -> None:
    mean = 2 / WIDTH
    deviation = np.sqrt(mean - mean**2 + EPSILON)
    norm.gamma = np.full(WIDTH, deviation, dtype=np.float32)
    norm.beta = np.full(WIDTH, mean, dtype=np.float32)


def _no_self_attention(attention: Any) -> None:
    _pass_one_hots(attention.layer_norm)
    for linear, rows in zip(attention.linear, (3 * WIDTH, WIDTH), strict=True):
        linear.weight, linear.bias = _zeros(rows, WIDTH), _zeros(rows)


def _no_feed_forward(network: Any) -> None:
    _pass_one_hots(network.layer_norm)
    for linear in (network.linear_0, network.linear_1):
        linear.weight, linear.bias = _zeros(WIDTH, WIDTH), _zeros(WIDTH)


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


def _shared_tokenizer(path: Path) -> None:
    words = [*ENGLISH_SPANISH, *ENGLISH_SPANISH.values(), *ENGLISH_FRENCH.values()]
    path.write_bytes(_word_tokenizer(words))


def _word_tokenizer(words: list[str]) -> bytes:
    unique = list(dict.fromkeys(words))
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(unique)] * 2),
        model_writer=model,
        model_type="word",
        vocab_size=len(unique) + 3,
        normalization_rule_name="nmt_nfkc_cf",
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return model.getvalue()
