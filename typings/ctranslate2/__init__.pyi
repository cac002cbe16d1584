"""The part of CTranslate2 that the platform uses."""

from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import models as models

class Device(Enum):
    cpu = 0
    cuda = 1

class StorageView:
    @staticmethod
    def from_array(array: NDArray[np.float32]) -> StorageView: ...
    def to_device(self, device: Device) -> StorageView: ...
    @property
    def shape(self) -> list[int]: ...
    @property
    def device(self) -> str: ...
    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[np.float32]: ...

class TranslationResult:
    hypotheses: list[list[str]]
    scores: list[float]

class Translator:
    def __init__(
        self,
        model_path: str,
        device: str = "cpu",
        *,
        device_index: int | list[int] = 0,
        compute_type: str = "default",
        inter_threads: int = 1,
        intra_threads: int = 0,
    ) -> None: ...
    def translate_batch(
        self,
        source: list[list[str]],
        target_prefix: list[list[str]] | None = None,
        *,
        max_batch_size: int = 0,
        batch_type: str = "examples",
        beam_size: int = 2,
        max_input_length: int = 1024,
        max_decoding_length: int = 256,
        repetition_penalty: float = 1,
        return_scores: bool = False,
    ) -> list[TranslationResult]: ...
    def unload_model(self, to_cpu: bool = False) -> None: ...
    @property
    def device(self) -> str: ...
    @property
    def compute_type(self) -> str: ...

def get_cuda_device_count() -> int: ...
def get_supported_compute_types(device: str, device_index: int = 0) -> set[str]: ...

__version__: str
