"""Log-mel features."""

import numpy as np
from numpy.typing import NDArray

class FeatureExtractor:
    mel_filters: NDArray[np.float32]
    sampling_rate: int
    def __call__(
        self, waveform: NDArray[np.float32], padding: int = 160, chunk_length: int | None = None
    ) -> NDArray[np.float32]: ...
