"""Loads an engine with its model; blocks for as long as that takes."""

from __future__ import annotations

import os
from functools import cached_property

import msgspec
import structlog

from livetranslate.asr.choice import POCKETSPHINX, SCRIPTED, Candidate
from livetranslate.asr.engine import SpeechEngine
from livetranslate.asr.models.device import Placement, placements
from livetranslate.asr.models.store import ModelStore
from livetranslate.asr.pocketsphinx import PocketSphinxEngine
from livetranslate.asr.scripted import ScriptedEngine
from livetranslate.asr.whisper.engine import WhisperEngine, WhisperOptions
from livetranslate.domain.errors import ModelUnavailable

_log = structlog.get_logger(__name__)


def usable_cores() -> int:
    """Return the cores that this process may run on; more threads than that slow a model down."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class EngineLoader:
    """Makes engines out of candidates.

    Args:
        store: Where models are found.
        device: ``auto``, ``cpu`` or ``cuda``.
        compute_type: ``auto`` or a type of CTranslate2.
        whisper: How Whisper is searched; device, type and window are filled in here.
    """

    def __init__(
        self,
        store: ModelStore,
        *,
        device: str = "auto",
        compute_type: str = "auto",
        whisper: WhisperOptions | None = None,
    ) -> None:
        self._store = store
        self._device = device
        self._compute_type = compute_type
        self._whisper = whisper or WhisperOptions()

    @property
    def on_gpu(self) -> bool:
        """Whether the first place to try is a GPU."""
        return self._placements[0].device.value == "cuda"

    @cached_property
    def _placements(self) -> tuple[Placement, ...]:
        return placements(self._device, self._compute_type)

    def installed(self) -> list[str]:
        """Return the names of the Whisper models that are here."""
        return [model.name for model in self._store.installed()]

    def load(self, candidate: Candidate) -> SpeechEngine:
        """Load a candidate on the best device that takes it.

        Raises:
            ModelUnavailable: It is not installed or no device takes it.
        """
        if candidate.engine == POCKETSPHINX:
            return PocketSphinxEngine()
        if candidate.engine == SCRIPTED:
            return ScriptedEngine()
        files = self._store.locate(candidate.model)
        failures: list[str] = []
        for place in self._placements:
            options = msgspec.structs.replace(
                self._whisper,
                device=place.device.value,
                device_index=place.index,
                compute_type=place.compute_type,
                cpu_threads=self._whisper.cpu_threads or usable_cores(),
                min_window_s=files.min_window_s,
            )
            try:
                return WhisperEngine(candidate.model, files.path, options)
            except ModelUnavailable as error:
                _log.warning("model not loaded", model=candidate.model, device=place.device.value)
                failures.append(error.message)
        raise ModelUnavailable("; ".join(failures), field="model")
