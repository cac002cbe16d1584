"""faster-whisper as a window engine: batched decoding behind a forced prefix, words by alignment.

The prefix is given to the decoder as tokens that it must begin with, so that committed words cannot
change; ``align`` then yields the audio position of every token from the cross-attention of the
model's alignment heads. Both are CTranslate2's; no torch is involved.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import ctranslate2
import msgspec
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer

from livetranslate.asr.engine import (
    Capabilities,
    EngineInfo,
    EngineStream,
    Samples,
    WindowRequest,
)
from livetranslate.asr.whisper.features import batch_features, window_frames
from livetranslate.asr.whisper.groups import in_groups
from livetranslate.asr.whisper.words import TokenGroup, group_tokens, timed_words
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import InvalidInput, ModelUnavailable, UnsupportedLanguage
from livetranslate.domain.session import Task
from livetranslate.domain.speech import Hypothesis, Word, join_words


class WhisperOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a Whisper model is loaded and searched.

    Attributes:
        device: ``cpu`` or ``cuda``.
        device_index: Number of the device among its kind.
        compute_type: Numeric type of CTranslate2, such as ``int8``.
        cpu_threads: Threads of one call; 0 takes CTranslate2's default.
        beam_size: Beams while more audio may follow.
        final_beam_size: Beams for the last decoding of an utterance.
        max_batch: Windows a call.
        min_window_s: Shortest encoder window that the model bears.
        max_window_s: Longest window that it decodes well.
        max_prompt_tokens: Tokens of earlier text that it is given.
        tokens_per_second: Bound on new tokens by the audio's length; stops loops.
    """

    device: str = "cpu"
    device_index: int = 0
    compute_type: str = "int8"
    cpu_threads: int = 0
    beam_size: int = 2
    final_beam_size: int = 5
    max_batch: int = 8
    min_window_s: float = 30.0
    max_window_s: float = 30.0
    max_prompt_tokens: int = 64
    tokens_per_second: float = 10.0


class _Prepared(msgspec.Struct, frozen=True):
    request: WindowRequest
    language: str
    language_confidence: float | None
    tokenizer: Tokenizer
    prompt_tokens: list[int]
    prefix_groups: list[TokenGroup]

    @property
    def prefix_tokens(self) -> list[int]:
        return [token for group in self.prefix_groups for token in group.tokens]


class _Encoded(msgspec.Struct, frozen=True):
    """A request, its row of the encoder's output, and the mel frames of audio in it."""

    prepared: _Prepared
    row: int
    frames: int


class WhisperEngine:
    """A Whisper model in memory; see the module. Implements SpeechEngine."""

    def __init__(self, name: str, directory: Path, options: WhisperOptions) -> None:
        """Load the model in ``directory``; raises ModelUnavailable."""
        self._options = options
        try:
            loaded = WhisperModel(
                str(directory),
                device=options.device,
                device_index=options.device_index,
                compute_type=options.compute_type,
                cpu_threads=options.cpu_threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelUnavailable(
                f"the model in {directory} could not be loaded: {error}; download it again with "
                f"`livetranslate models download {name}`"
            ) from error
        self._model = loaded.model
        self._hf_tokenizer = loaded.hf_tokenizer
        self._extractor = loaded.feature_extractor
        self._multilingual = loaded.model.is_multilingual
        self._tokenizers: dict[tuple[str, Task], Tokenizer] = {}
        self._languages = tuple(sorted(loaded.supported_languages))
        size = sum(file.stat().st_size for file in directory.iterdir() if file.is_file())
        self._info = EngineInfo(
            engine="faster-whisper",
            model=name,
            device=options.device,
            compute_type=options.compute_type,
            memory_bytes=size,
        )

    @property
    def info(self) -> EngineInfo:
        """What is loaded."""
        return self._info

    @property
    def capabilities(self) -> Capabilities:
        """What this model can do."""
        return Capabilities(
            incremental=False,
            word_times=True,
            languages=self._languages,
            detects_language=self._multilingual,
            translates=self._multilingual,
            max_batch=self._options.max_batch,
            min_window_s=self._options.min_window_s,
            max_window_s=self._options.max_window_s,
        )

    def open_stream(self, *, offset_s: float, language: str | None) -> EngineStream:
        """Whisper decodes windows; raises InvalidInput."""
        raise InvalidInput("faster-whisper decodes windows and has no incremental stream")

    def close(self) -> None:
        """Free the model's memory."""
        self._model.unload_model()

    def encode(self, windows: Sequence[Samples]) -> tuple[ctranslate2.StorageView, list[int]]:
        """Run the encoder over windows in one call, padded to the longest and no further.

        What is heard in a window depends on how far it is padded.

        Returns:
            Its output, shape (windows, positions, width), and the mel frames of audio of each.
        """
        features, frames = batch_features(self._extractor, windows, self._options.min_window_s)
        return self._model.encode(ctranslate2.StorageView.from_array(features)), frames

    def decode(self, requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        """Encode windows of one length in one call, then decode and align those alike together.

        So a window is padded for its own length alone, and what is heard in it does not depend on
        the windows of other sessions that happen to come with it.
        """
        return in_groups(
            requests,
            lambda request: window_frames(len(request.audio), self._options.min_window_s),
            self._decode_length,
        )

    def _decode_length(self, requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        encoded, frames = self.encode([request.audio for request in requests])
        items = [
            _Encoded(prepared, index, count)
            for index, (prepared, count) in enumerate(
                zip(self._prepare(requests, encoded), frames, strict=True)
            )
        ]
        return in_groups(items, _alike, lambda group: self._decode_group(encoded, group))

    def _prepare(
        self, requests: Sequence[WindowRequest], encoded: ctranslate2.StorageView
    ) -> list[_Prepared]:
        detected: list[tuple[str, float]] = []
        if self._multilingual and any(request.language is None for request in requests):
            for ranking in self._model.detect_language(encoded):
                token, probability = ranking[0]
                detected.append((token[2:-2], float(probability)))
        prepared: list[_Prepared] = []
        for index, request in enumerate(requests):
            confidence: float | None = None
            if request.language is None:
                language, confidence = detected[index] if detected else ("en", None)
            else:
                language = request.language.partition("-")[0]
            if language not in self._languages:
                raise UnsupportedLanguage(
                    f"the model {self._info.model} does not know the language {language!r}; "
                    f"it knows {', '.join(self._languages)}",
                    available=self._languages,
                    field="language",
                )
            tokenizer = self._tokenizer(language, request.task)
            prefix = [
                TokenGroup(word.word, tokenizer.encode(_spaced(word.word, language)))
                for word in request.prefix
            ]
            prepared.append(
                _Prepared(
                    request,
                    language,
                    confidence,
                    tokenizer,
                    self._prompt(tokenizer, request.prompt),
                    prefix,
                )
            )
        return prepared

    def _tokenizer(self, language: str, task: Task) -> Tokenizer:
        key = (language, task)
        if key not in self._tokenizers:
            self._tokenizers[key] = Tokenizer(
                self._hf_tokenizer, self._multilingual, task=task.value, language=language
            )
        return self._tokenizers[key]

    def _prompt(self, tokenizer: Tokenizer, text: str) -> list[int]:
        """Return earlier text as tokens, cut to a few fixed lengths so that batches form."""
        tokens = tokenizer.encode(" " + text.strip())[-self._options.max_prompt_tokens :]
        length = 0
        while (step := max(8, length * 2)) <= len(tokens):
            length = step
        return tokens[-length:] if length else []

    def _decode_group(
        self, encoded: ctranslate2.StorageView, group: Sequence[_Encoded]
    ) -> list[Hypothesis]:
        options = self._options
        items, frames = [one.prepared for one in group], [one.frames for one in group]
        if len(group) < encoded.shape[0]:
            encoded = _rows(encoded, [one.row for one in group])
        final = items[0].request.final
        seconds = window_frames(len(items[0].request.audio), options.min_window_s) / 100
        prompts: list[list[int]] = []
        for item in items:
            tokenizer = item.tokenizer
            before = [tokenizer.sot_prev, *item.prompt_tokens] if item.prompt_tokens else []
            start = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
            prompts.append(before + start + item.prefix_tokens)
        longest = max(len(prompt) for prompt in prompts)
        generated = self._model.generate(
            encoded,
            prompts,
            beam_size=options.final_beam_size if final else options.beam_size,
            max_length=min(448, 2 * (longest + 8 + int(seconds * options.tokens_per_second))),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=[-1],
        )
        texts = [
            [token for token in result.sequences_ids[0] if token < item.tokenizer.eot]
            for result, item in zip(generated, items, strict=True)
        ]
        aligned = self._align(encoded, items[0].tokenizer, texts, frames)
        return [
            self._hypothesis(item, tokens, path, count, result.no_speech_prob)
            for item, tokens, path, count, result in zip(
                items, texts, aligned, frames, generated, strict=True
            )
        ]

    def _align(
        self,
        encoded: ctranslate2.StorageView,
        tokenizer: Tokenizer,
        texts: Sequence[list[int]],
        frames: Sequence[int],
    ) -> list[ctranslate2.models.WhisperAlignmentResult]:
        """Return where the tokens of each text are heard.

        Texts of one length together: attention is normalised over the tokens, padding included.
        """

        def work(rows: Sequence[int]) -> list[ctranslate2.models.WhisperAlignmentResult]:
            return self._model.align(
                encoded if len(rows) == len(texts) else _rows(encoded, list(rows)),
                tokenizer.sot_sequence,
                [texts[row] for row in rows],
                [frames[row] for row in rows],
                median_filter_width=7,
            )

        return in_groups(range(len(texts)), lambda row: len(texts[row]), work)

    def _hypothesis(
        self,
        item: _Prepared,
        tokens: list[int],
        aligned: ctranslate2.models.WhisperAlignmentResult,
        frames: int,
        no_speech: float,
    ) -> Hypothesis:
        prefix = item.prefix_tokens
        new = tokens[len(prefix) :] if tokens[: len(prefix)] == prefix else tokens
        known = item.prefix_groups if len(new) < len(tokens) or not tokens else []
        groups = known + group_tokens(item.tokenizer, new)
        words = timed_words(
            groups,
            [(int(token), int(position)) for token, position in aligned.alignments],
            list(aligned.text_token_probs),
            offset_s=item.request.offset_s,
            duration_s=min(frames / 100, len(item.request.audio) / SAMPLE_RATE),
        )
        return Hypothesis(
            words=tuple(words[len(known) :]),
            language=item.language,
            language_confidence=item.language_confidence,
            no_speech=float(no_speech),
        )


def _spaced(word: str, language: str) -> str:
    """Return the word as it stands in running text."""
    return join_words([Word("", 0.0, 0.0), Word(word, 0.0, 0.0)], language)


def _alike(one: _Encoded) -> Hashable:
    """Return what requests that are decoded together have in common."""
    prepared = one.prepared
    request = prepared.request
    return (prepared.language, request.task, len(prepared.prompt_tokens), request.final)


def _rows(encoded: ctranslate2.StorageView, indexes: list[int]) -> ctranslate2.StorageView:
    """Return some rows of an encoder output of shape (batch, positions, width)."""
    on_cpu = encoded.to_device(ctranslate2.Device.cpu)
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.array(on_cpu)[indexes]))
