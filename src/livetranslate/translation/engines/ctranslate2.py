"""CTranslate2: neural translation models on CPU or GPU, without torch."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import ctranslate2  # pyright: ignore[reportMissingTypeStubs] - it comes without type hints
import sentencepiece
import structlog

from livetranslate.domain.errors import BackendUnavailable, ModelUnavailable, UnsupportedLanguage
from livetranslate.translation.base import LanguagePair, TranslationRequest
from livetranslate.translation.engines.base import EngineOutput, EngineStatus
from livetranslate.translation.engines.ctranslate2_models import (
    END,
    InstalledModel,
    find_models,
)
from livetranslate.translation.options import AUTO, TranslationOptions
from livetranslate.translation.sentences import last_sentence

NAME = "ctranslate2"
_MAX_BATCH = 32
_REMEDY = (
    "put CTranslate2 translation models (OPUS-MT, M2M100, NLLB or MADLAD, each in a directory of "
    "its own with its SentencePiece files) into the translation model directory"
)
_ct2 = cast("Any", ctranslate2)
_log = structlog.get_logger(__name__)


class CTranslate2Engine:
    """The models of a directory, each loaded by its first use; computing runs in threads."""

    name = NAME
    takes_glossary = False
    max_chars = 400

    def __init__(self, options: TranslationOptions) -> None:
        self._options = options
        directory = Path(options.model_dir) if options.model_dir else None
        self._models, self._problems = find_models(directory) if directory else ([], [])
        self._loaded: dict[Path, _LoadedModel] = {}
        self._loading = asyncio.Lock()

    def has_pair(self, source: str, target: str) -> bool:
        """Return whether an installed model translates this direction."""
        return self._find(source, target) is not None

    def sources_for(self, target: str) -> frozenset[str]:
        """Return the languages that installed models translate into ``target``."""
        codes = {model.pair[0] for model in self._models if model.pair} | {
            code for model in self._models for code in model.known_languages()
        }
        return frozenset(code for code in codes if self.has_pair(code, target))

    async def status(self) -> EngineStatus:
        """Return the installed models, and the device of those that are loaded."""
        if not self._models:
            reason = "; ".join(self._problems) or "no translation model is installed"
            return EngineStatus(engine=NAME, available=False, reason=reason, remedy=_REMEDY)
        loaded = next(iter(self._loaded.values()), None)
        reason = f"{len(self._models)} models are installed"
        return EngineStatus(
            engine=NAME,
            available=True,
            reason="; ".join([reason, *self._problems]),
            remedy=_REMEDY if self._problems else None,
            pairs=tuple(LanguagePair(*model.pair) for model in self._models if model.pair),
            languages=tuple(
                sorted({code for model in self._models for code in model.language_tokens})
            ),
            models=tuple(model.path.name for model in self._models),
            device=loaded.device if loaded else None,
            compute_type=loaded.compute_type if loaded else None,
        )

    async def translate(self, request: TranslationRequest) -> list[EngineOutput]:
        """Translate all texts in one batch; the confidence comes from the model's scores."""
        model = self._find(request.source_language, request.target_language)
        if model is None:
            raise UnsupportedLanguage(
                f"no CTranslate2 model translates {request.source_language} → "
                f"{request.target_language}",
                field="target_language",
            )
        async with self._loading:
            if model.path not in self._loaded:
                self._loaded[model.path] = await asyncio.to_thread(
                    _LoadedModel, model, self._options
                )
        loaded = self._loaded[model.path]
        return await asyncio.to_thread(loaded.translate, request)

    async def close(self) -> None:
        """Free every model."""
        self._loaded.clear()

    def _find(self, source: str, target: str) -> InstalledModel | None:
        """Return the model for a direction; one made for the pair goes before one of many."""
        fitting = [model for model in self._models if model.has_pair(source, target)]
        return next((model for model in fitting if model.pair), fitting[0] if fitting else None)


class _LoadedModel:
    """A model in memory; safe for calls from several threads."""

    def __init__(self, model: InstalledModel, options: TranslationOptions) -> None:
        self._model = model
        self._beam_size = options.beam_size
        self._source = sentencepiece.SentencePieceProcessor(model_file=str(model.source_tokenizer))
        self._target = sentencepiece.SentencePieceProcessor(model_file=str(model.target_tokenizer))
        self.note: str | None = None
        self._translator = self._load(options)
        self.device: str = self._translator.device
        self.compute_type: str = self._translator.compute_type

    def translate(self, request: TranslationRequest) -> list[EngineOutput]:
        """Translate texts; blocks.

        With context, the sentence before is translated first; then the model translates both
        together and its translation of the first is given to it, so that only what follows is
        decided anew.
        """
        texts = [text.strip() for text in request.texts]
        opening = last_sentence(request.context)
        results: list[tuple[list[str], float | None]] | None = None
        if opening:
            results = self._in_context(opening, texts, request)
        if results is None:
            results = self._run(texts, [[] for _ in texts], request)
        return [
            EngineOutput(
                text=self._target.decode(pieces) if text else original,
                confidence=confidence if text else None,
                engine=NAME,
                note=self.note,
            )
            for original, text, (pieces, confidence) in zip(
                request.texts, texts, results, strict=True
            )
        ]

    def _in_context(
        self, opening: str, texts: list[str], request: TranslationRequest
    ) -> list[tuple[list[str], float | None]] | None:
        """Return the continuations; None if the model ends with the opening's translation."""
        [(prefix, _)] = self._run([opening], [[]], request)
        joint = [f"{opening} {text}" for text in texts]
        results = self._run(joint, [prefix for _ in texts], request)
        return results if all(pieces for pieces, _ in results) else None

    def _run(
        self, texts: Sequence[str], prefixes: Sequence[list[str]], request: TranslationRequest
    ) -> list[tuple[list[str], float | None]]:
        """Return the pieces behind each prefix, with a confidence, for each text."""
        model, target = self._model, request.target_language
        forced = model.target_prefix(target)
        tokens = [
            model.source_tokens(self._pieces(text), request.source_language, target)
            for text in texts
        ]
        starts = [[*forced, *prefix] for prefix in prefixes]
        try:
            results = self._translator.translate_batch(
                tokens,
                target_prefix=starts if any(starts) else None,
                beam_size=self._beam_size,
                max_batch_size=_MAX_BATCH,
                max_input_length=0,
                max_decoding_length=2 * max(map(len, tokens), default=0) + 32,
                return_scores=True,
            )
        except (RuntimeError, ValueError) as error:
            raise BackendUnavailable(f"{model.path.name} failed: {error}") from error
        return [
            _read(result.hypotheses[0], result.scores[0], len(start))
            for result, start in zip(results, starts, strict=True)
        ]

    def _pieces(self, text: str) -> list[str]:
        return cast("list[str]", self._source.encode(text, out_type=str))

    def _load(self, options: TranslationOptions) -> Any:
        has_gpu = _ct2.get_cuda_device_count() > 0
        device = options.device if options.device != AUTO else ("cuda" if has_gpu else "cpu")
        if device != "cpu":
            try:
                return self._open(device, options.compute_type, "float16")
            except (RuntimeError, ValueError) as error:
                self.note = f"{device} failed ({error}); the model runs on the CPU"
                _log.warning("translation_device_failed", device=device, error=str(error))
        try:
            return self._open("cpu", AUTO if self.note else options.compute_type, "int8")
        except (RuntimeError, ValueError) as error:
            raise ModelUnavailable(f"{self._model.path.name} cannot be loaded: {error}") from error

    def _open(self, device: str, compute_type: str, default: str) -> Any:
        return _ct2.Translator(
            str(self._model.path),
            device=device,
            compute_type=default if compute_type == AUTO else compute_type,
        )


def _read(tokens: list[str], score: float, prefix: int) -> tuple[list[str], float | None]:
    """Return the pieces behind the prefix with the geometric mean of their probabilities.

    The score is the sum of the log-probabilities divided by the number of all tokens, the end and
    the prefix (whose tokens are certain) included.
    """
    length = len(tokens) + 1
    pieces = [token for token in tokens[prefix:] if token != END]
    mean = score * length / (length - prefix)
    return pieces, round(min(1.0, math.exp(mean)), 4)
