"""The model manager: every model once in memory, for as long as somebody needs it.

Sessions and jobs hold a **lease**. The first lease of a model loads it (others wait for the same
load), the last one released starts its time to live, after which it is unloaded. Whisper models get
an inference scheduler that all their leases share; incremental engines share a semaphore.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import msgspec
import structlog

from livetranslate.asr.choice import Candidate, candidates
from livetranslate.asr.engine import LoadedModel, SpeechEngine
from livetranslate.asr.lanes import Lanes
from livetranslate.asr.scheduler import InferenceScheduler, SchedulerOptions
from livetranslate.domain.errors import (
    Conflict,
    LiveTranslateError,
    ModelUnavailable,
    NotFound,
    UnsupportedLanguage,
)

_log = structlog.get_logger(__name__)


LOOK_S = 1.0
"""Seconds for which a look at disks and devices is good."""


class Loader(Protocol):
    """What the manager needs to load engines; see EngineLoader."""

    @property
    def on_gpu(self) -> bool:
        """Whether models run on a GPU."""
        ...

    def installed(self) -> list[str]:
        """Return the names of the Whisper models that are here."""
        ...

    def load(self, candidate: Candidate) -> SpeechEngine:
        """Load a candidate; blocks; raises ModelUnavailable."""
        ...


class ManagerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the model manager.

    Attributes:
        default_model: The installation's model (``WHISPER_MODEL``), or None.
        idle_s: A model that nobody holds is unloaded after so many seconds.
        streams: Incremental streams that compute at the same time; 0 for one a core.
        scheduler: Bounds of each model's scheduler.
    """

    default_model: str | None = None
    idle_s: float = 300.0
    streams: int = 0
    scheduler: SchedulerOptions = SchedulerOptions()


class _Resident:
    """A model in memory."""

    def __init__(self, engine: SpeechEngine, options: SchedulerOptions, lanes: Lanes) -> None:
        self.engine = engine
        self.lanes = lanes
        self.scheduler = (
            None if engine.capabilities.incremental else InferenceScheduler(engine, options)
        )
        self.references = 0
        self.used_at = 0.0

    @property
    def work(self) -> InferenceScheduler | Lanes:
        """Where its computing is counted."""
        return self.scheduler or self.lanes

    def close(self) -> None:
        if self.scheduler is not None:
            self.scheduler.close()
        self.engine.close()


class ModelLease:
    """The right to use a loaded model; a context manager that gives it back.

    Attributes:
        candidate: Engine and model, and why they were chosen.
        engine: The loaded engine.
        scheduler: The model's scheduler, or None for an incremental engine.
        lanes: Where an incremental engine computes.
    """

    def __init__(
        self,
        manager: ModelManager,
        candidate: Candidate,
        resident: _Resident,
    ) -> None:
        self.candidate = candidate
        self.engine = resident.engine
        self.scheduler = resident.scheduler
        self.lanes = resident.lanes
        self._manager = manager
        self._resident: _Resident | None = resident

    def release(self) -> None:
        """Give the model back; more than once does no harm."""
        resident, self._resident = self._resident, None
        if resident is not None:
            self._manager.give_back(resident)

    def __enter__(self) -> Self:
        """Return the lease itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the model back."""
        self.release()


class ModelManager:
    """Keeps models; to be used from one event loop. See the module."""

    def __init__(
        self,
        loader: Loader,
        options: ManagerOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loader = loader
        self._options = options or ManagerOptions()
        self._clock = clock
        self._resident: dict[tuple[str, str], _Resident] = {}
        self._loading: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._looking: asyncio.Task[tuple[list[str], bool]] | None = None
        self._looked_at = 0.0
        self._lanes = self._options.streams or os.cpu_count() or 1
        self._free_lanes = asyncio.Semaphore(self._lanes)

    async def acquire(
        self, *, engine: str | None = None, model: str | None = None, language: str = "auto"
    ) -> ModelLease:
        """Return a lease on the best model that really loads.

        Args:
            engine: As the session asks; None or ``auto`` for the best.
            model: As the session asks.
            language: Language that the model must know, or ``auto``.

        Raises:
            InvalidInput: There is no such engine.
            ModelUnavailable: Nothing loads; says why and what helps.
            UnsupportedLanguage: No candidate knows the language.
        """
        failures: list[str] = []
        unsupported: UnsupportedLanguage | None = None
        for candidate in await self._candidates(engine, model):
            try:
                resident = await self._hold(candidate)
            except ModelUnavailable as error:
                _log.warning("model unavailable", model=candidate.model, reason=error.message)
                failures.append(error.message)
                continue
            capabilities = resident.engine.capabilities
            if not capabilities.knows(language):
                self.give_back(resident)
                unsupported = unsupported or _unsupported(
                    candidate, language, capabilities.languages
                )
                continue
            return ModelLease(self, _with_failures(candidate, failures), resident)
        raise unsupported or ModelUnavailable("; ".join(failures), field="config.model")

    def give_back(self, resident: _Resident) -> None:
        """Count one lease less; called by leases."""
        resident.references -= 1
        resident.used_at = self._clock()

    async def load(self, model: str) -> LoadedModel:
        """Load a model by name and keep it for its time to live; raises ModelUnavailable."""
        with await self.acquire(model=model) as lease:
            key = (lease.candidate.engine, lease.candidate.model)
        return self._status(key, self._resident[key])

    async def unload(self, model: str) -> None:
        """Unload a model; raises NotFound if it is not loaded, Conflict while it is in use."""
        keys = [key for key in self._resident if key[1] == model]
        if not keys:
            raise NotFound(f"the model {model} is not loaded")
        for key in keys:
            if self._resident[key].references:
                raise Conflict(f"{self._resident[key].references} sessions or jobs use {model}")
            await self._close(key)

    async def unload_idle(self) -> list[str]:
        """Unload what nobody has used for ``idle_s``; return the names. To be called regularly."""
        unloaded: list[str] = []
        while (key := self._idle_longest()) is not None:
            await self._close(key)
            unloaded.append(key[1])
        return unloaded

    def loaded(self) -> list[LoadedModel]:
        """Return what is in memory."""
        return [self._status(key, resident) for key, resident in self._resident.items()]

    @property
    def live_s(self) -> float:
        """Seconds that the models in memory have computed for live sessions."""
        return sum(resident.work.live_s for resident in self._resident.values())

    async def close(self) -> None:
        """Unload everything, also what is just being loaded."""
        await asyncio.gather(*self._loading.values(), return_exceptions=True)
        for key in list(self._resident):
            await self._close(key)

    async def _candidates(self, engine: str | None, model: str | None) -> list[Candidate]:
        """Return what may serve; sessions that start together share one look around."""
        now = self._clock()
        if self._looking is None or now - self._looked_at >= LOOK_S:
            self._looking = asyncio.create_task(asyncio.to_thread(self._look))
            self._looked_at = now
        installed, on_gpu = await asyncio.shield(self._looking)
        return candidates(
            engine=engine,
            model=model,
            configured=self._options.default_model,
            installed=installed,
            on_gpu=on_gpu,
        )

    def _look(self) -> tuple[list[str], bool]:
        """Return what is installed, and whether models run on a GPU; asks disks and devices."""
        return self._loader.installed(), self._loader.on_gpu

    async def _hold(self, candidate: Candidate) -> _Resident:
        """Return the loaded model with one reference more."""
        key = (candidate.engine, candidate.model)
        while key not in self._resident:
            if key not in self._loading:
                self._loading[key] = asyncio.create_task(self._load(key, candidate))
            await asyncio.shield(self._loading[key])
        resident = self._resident[key]
        resident.references += 1
        return resident

    async def _load(self, key: tuple[str, str], candidate: Candidate) -> None:
        try:
            begin = self._clock()
            engine = await asyncio.to_thread(self._loader.load, candidate)
            lanes = Lanes(self._free_lanes, self._lanes)
            resident = _Resident(engine, self._options.scheduler, lanes)
            resident.used_at = self._clock()
            self._resident[key] = resident
            _log.info("model loaded", model=key[1], engine=key[0], seconds=self._clock() - begin)
        except LiveTranslateError:
            raise
        except Exception as error:
            _log.exception("model not loaded", model=key[1], engine=key[0])
            raise ModelUnavailable(
                f"{key[0]} could not load {key[1]}: {error}", field="config.model"
            ) from error
        finally:
            del self._loading[key]

    def _idle_longest(self) -> tuple[str, str] | None:
        """Return a model whose time to live is over, the one that was used least recently."""
        due = self._clock() - self._options.idle_s
        idle = [
            (resident.used_at, key)
            for key, resident in self._resident.items()
            if not resident.references and resident.used_at <= due
        ]
        return min(idle)[1] if idle else None

    async def _close(self, key: tuple[str, str]) -> None:
        resident = self._resident.pop(key)
        await asyncio.to_thread(resident.close)
        _log.info("model unloaded", model=key[1], engine=key[0])

    def _status(self, key: tuple[str, str], resident: _Resident) -> LoadedModel:
        work = resident.work
        return LoadedModel(
            info=resident.engine.info,
            capabilities=resident.engine.capabilities,
            references=resident.references,
            in_flight=work.in_flight,
            queued=work.queued,
            busy_s=work.busy_s,
            idle_s=0.0 if resident.references else self._clock() - resident.used_at,
        )


def _unsupported(
    candidate: Candidate, language: str, languages: tuple[str, ...]
) -> UnsupportedLanguage:
    return UnsupportedLanguage(
        f"{candidate.engine} ({candidate.model}) does not know the language {language!r}; it knows "
        f"{', '.join(languages)}. {candidate.reason}",
        available=languages,
        field="config.language",
    )


def _with_failures(candidate: Candidate, failures: list[str]) -> Candidate:
    if not failures:
        return candidate
    return msgspec.structs.replace(
        candidate, reason=f"{candidate.reason} (not loaded: {'; '.join(failures)})"
    )
