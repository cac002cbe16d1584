"""The part of faster-whisper that the platform uses."""

from ctranslate2.models import Whisper
from tokenizers import Tokenizer as HfTokenizer

from .feature_extractor import FeatureExtractor

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
