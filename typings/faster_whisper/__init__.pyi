"""The part of faster-whisper that the platform and its benchmarks use."""

from collections.abc import Iterable

import numpy as np
from ctranslate2 import StorageView
from ctranslate2.models import Whisper
from numpy.typing import NDArray
from tokenizers import Tokenizer as HfTokenizer

from .feature_extractor import FeatureExtractor

class Segment:
    text: str

class WhisperModel:
    model: Whisper
    hf_tokenizer: HfTokenizer
    feature_extractor: FeatureExtractor
    def __init__(
        self,
        model_size_or_path: str,
        device: str = "auto",
        device_index: int | list[int] = 0,
        compute_type: str = "default",
        cpu_threads: int = 0,
        num_workers: int = 1,
        download_root: str | None = None,
        local_files_only: bool = False,
    ) -> None: ...
    @property
    def supported_languages(self) -> list[str]: ...
    def encode(self, features: NDArray[np.float32]) -> StorageView: ...
    def transcribe(
        self,
        audio: NDArray[np.float32],
        language: str | None = None,
        beam_size: int = 5,
        condition_on_previous_text: bool = True,
        without_timestamps: bool = False,
        word_timestamps: bool = False,
        clip_timestamps: str | list[float] = "0",
    ) -> tuple[Iterable[Segment], object]: ...
