"""CTranslate2 translation models on disk: what family each is of, and how it reads and writes.

Every family has its own way to be told the languages: OPUS-MT models have one pair; M2M100 and NLLB
put the source language before the text and the target language before the translation; MADLAD puts
the target language before the text.
https://opennmt.net/CTranslate2/guides/transformers.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, cast

import msgspec

from livetranslate.domain.errors import ModelUnavailable
from livetranslate.translation.languages import FLORES, base_language, normalize

END = "</s>"
_PAIR = re.compile(r"(?:^|[-_.])([a-z]{2,3})[-_](?:to[-_])?([a-z]{2,3})(?=$|[-_.])")


class Family(str, Enum):
    """Model families that are told apart by their vocabulary and tokenizer files."""

    MARIAN = "marian"
    M2M100 = "m2m100"
    NLLB = "nllb"
    MADLAD = "madlad"


class InstalledModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model directory.

    Attributes:
        path: The directory, with ``model.bin`` in it.
        family: Its family.
        source_tokenizer: SentencePiece model for texts.
        target_tokenizer: SentencePiece model for translations.
        pair: The one direction of an OPUS-MT model; None for models of many languages.
        language_tokens: ISO 639-1 code → token of the model; empty for OPUS-MT.
    """

    path: Path
    family: Family
    source_tokenizer: Path
    target_tokenizer: Path
    pair: tuple[str, str] | None = None
    language_tokens: dict[str, str] = {}

    def has_pair(self, source: str, target: str) -> bool:
        """Return whether the model translates this direction."""
        start, goal = base_language(source), base_language(target)
        if self.pair is not None:
            return self.pair == (start, goal)
        if start == goal or goal not in self.language_tokens:
            return False
        return self.family is Family.MADLAD or start in self.language_tokens

    def known_languages(self) -> frozenset[str]:
        """Return the languages it reads; MADLAD is not told which one it gets."""
        return frozenset(FLORES if self.family is Family.MADLAD else self.language_tokens)

    def source_tokens(self, pieces: list[str], source: str, target: str) -> list[str]:
        """Return the encoder's input for a text's pieces."""
        if self.family is Family.MADLAD:
            return [self.language_tokens[base_language(target)], *pieces, END]
        if self.family is Family.MARIAN:
            return [*pieces, END]
        return [self.language_tokens[base_language(source)], *pieces, END]

    def target_prefix(self, target: str) -> list[str]:
        """Return the tokens that every translation begins with."""
        if self.family in (Family.M2M100, Family.NLLB):
            return [self.language_tokens[base_language(target)]]
        return []


def find_models(directory: Path) -> tuple[list[InstalledModel], list[str]]:
    """Return the models in a directory or its subdirectories, and what is wrong with others."""
    candidates = [directory, *sorted(path for path in directory.glob("*") if path.is_dir())]
    models: list[InstalledModel] = []
    problems: list[str] = []
    for path in candidates:
        if (path / "model.bin").is_file():
            try:
                model = read_model(path)
            except ModelUnavailable as error:
                problems.append(error.message)
                continue
            if model is not None:
                models.append(model)
    return models, problems


def read_model(path: Path) -> InstalledModel | None:
    """Return what a model directory holds; None if it is no translation model.

    Raises:
        ModelUnavailable: It is one, but a file or its languages are missing.
    """
    source, target = path / "source.spm", path / "target.spm"
    if source.is_file() and target.is_file():
        return InstalledModel(
            path=path,
            family=Family.MARIAN,
            source_tokenizer=source,
            target_tokenizer=target,
            pair=_pair_of(path),
        )
    names = ("sentencepiece.bpe.model", "spiece.model", "sentencepiece.model", "spm.model")
    tokenizer = next((path / name for name in names if (path / name).is_file()), None)
    if tokenizer is None:
        if (path / "tokenizer.json").is_file() or (path / "vocabulary.json").is_file():
            return None
        raise ModelUnavailable(
            f"{path.name} has no SentencePiece model; copy source.spm and target.spm, or "
            "sentencepiece.bpe.model, beside model.bin"
        )
    vocabulary = _vocabulary(path)
    for family, tokens in (
        (Family.MADLAD, _tokens(vocabulary, lambda code: f"<2{code}>")),
        (Family.NLLB, _tokens(vocabulary, lambda code: FLORES.get(code, ""))),
        (Family.M2M100, _tokens(vocabulary, lambda code: f"__{code}__")),
    ):
        if tokens:
            return InstalledModel(
                path=path,
                family=family,
                source_tokenizer=tokenizer,
                target_tokenizer=tokenizer,
                language_tokens=tokens,
            )
    raise ModelUnavailable(
        f"{path.name} is of no known family (OPUS-MT, M2M100, NLLB, MADLAD): its vocabulary has "
        "no language tokens"
    )


def _tokens(vocabulary: set[str], token: Callable[[str], str]) -> dict[str, str]:
    return {code: token(code) for code in FLORES if token(code) in vocabulary}


def _vocabulary(path: Path) -> set[str]:
    for name in ("shared_vocabulary", "source_vocabulary"):
        as_json, as_text = path / f"{name}.json", path / f"{name}.txt"
        if as_json.is_file():
            return {str(token) for token in cast("list[Any]", json.loads(as_json.read_text()))}
        if as_text.is_file():
            return set(as_text.read_text().splitlines())
    raise ModelUnavailable(f"{path.name} has no vocabulary beside model.bin")


def _pair_of(path: Path) -> tuple[str, str]:
    """Return a pair from ``config.json`` (``source_language``) or from a name as opus-mt-en-es."""
    config: dict[str, Any] = {}
    if (path / "config.json").is_file():
        config = json.loads((path / "config.json").read_text())
    told = config.get("source_language"), config.get("target_language")
    if all(isinstance(code, str) for code in told):
        return normalize(str(told[0])), normalize(str(told[1]))
    match = _PAIR.search(path.name.lower().replace("opus-mt", "").replace("ct2", ""))
    if match:
        return normalize(match[1]), normalize(match[2])
    raise ModelUnavailable(
        f"the languages of {path.name} are not known; name the directory like opus-mt-en-es"
    )
