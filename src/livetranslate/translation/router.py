"""Which engine translates: the preferred one, or the next one that can."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import structlog

from livetranslate.domain.errors import (
    BackendUnavailable,
    ModelUnavailable,
    UnsupportedLanguage,
)
from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.circuit import Circuit, CircuitState
from livetranslate.translation.engines.base import EngineOutput, TranslationEngine
from livetranslate.translation.glossary_engine import translate_with_glossary
from livetranslate.translation.options import AUTO, TranslationOptions

_log = structlog.get_logger(__name__)


class Routed(msgspec.Struct, frozen=True):
    """Outputs of the engine that made them.

    Attributes:
        outputs: One a text.
        fallback_reason: Why a preferred engine did not make them, or None.
    """

    outputs: list[EngineOutput]
    fallback_reason: str | None


class Router:
    """Engines in order of preference, each with a circuit.

    Args:
        engines: In the order of ``auto``.
        options: Which engine is preferred, and how long a failed one is left alone.
        clock: Steady seconds.
    """

    def __init__(
        self,
        engines: Sequence[TranslationEngine],
        options: TranslationOptions,
        clock: Callable[[], float],
    ) -> None:
        self._preferred = None if options.engine == AUTO else options.engine
        self.engines = sorted(engines, key=lambda engine: engine.name != self._preferred)
        self._clock = clock
        self._circuits = {
            engine.name: Circuit(
                failures_to_open=options.failures_to_open, retry_s=options.retry_engine_s
            )
            for engine in engines
        }

    def sources_for(self, target: str) -> frozenset[str] | None:
        """Return the languages that some engine translates into ``target``; None for any."""
        found: set[str] = set()
        for engine in self.engines:
            sources = engine.sources_for(target)
            if sources is None:
                return None
            found |= sources
        return frozenset(found)

    def circuit_state(self, engine: str) -> CircuitState:
        """Return whether an engine is tried at present."""
        return self._circuits[engine].state

    async def translate(self, request: TranslationRequest) -> Routed:
        """Return the outputs of the first engine that has the pair and works.

        Raises:
            UnsupportedLanguage: None has the pair.
            BackendUnavailable: Every one that has it failed.
        """
        reasons: list[str] = []
        tried = False
        for engine in self.engines:
            if not engine.has_pair(request.source_language, request.target_language):
                if engine.name == self._preferred:
                    reasons.append(
                        f"{engine.name} has no {request.source_language} → "
                        f"{request.target_language}"
                    )
                continue
            tried = True
            outputs = await self._try(engine, request, reasons)
            if outputs is not None:
                return Routed(outputs, "; ".join(reasons) or None)
        if not tried:
            raise await self._unsupported(request)
        raise BackendUnavailable(
            f"no engine translated {request.source_language} → {request.target_language}: "
            + "; ".join(reasons),
            retry_after_s=self._retry_in(),
        )

    async def close(self) -> None:
        """Close every engine."""
        for engine in self.engines:
            await engine.close()

    async def _try(
        self, engine: TranslationEngine, request: TranslationRequest, reasons: list[str]
    ) -> list[EngineOutput] | None:
        circuit = self._circuits[engine.name]
        if not circuit.try_acquire(self._clock()):
            wait_s = circuit.retry_in(self._clock())
            reasons.append(f"{circuit.last_error} (tried again in {wait_s:.0f} s)")
            return None
        try:
            outputs = await translate_with_glossary(engine, request)
        except UnsupportedLanguage as error:
            circuit.succeeded()
            reasons.append(f"{engine.name}: {error.message}")
            return None
        except (BackendUnavailable, ModelUnavailable) as error:
            circuit.failed(f"{engine.name}: {error.message}", self._clock())
            reasons.append(circuit.last_error)
            _log.warning("translation_engine_failed", engine=engine.name, error=error.message)
            return None
        circuit.succeeded()
        return outputs

    def _retry_in(self) -> float | None:
        waits = [circuit.retry_in(self._clock()) for circuit in self._circuits.values()]
        return min((wait for wait in waits if wait > 0), default=None)

    async def _unsupported(self, request: TranslationRequest) -> UnsupportedLanguage:
        statuses = [await engine.status() for engine in self.engines]
        available = sorted(
            {f"{pair.source}-{pair.target}" for status in statuses for pair in status.pairs}
            | {f"{code}-*" for status in statuses for code in status.languages}
        )
        remedies = [f"{status.engine}: {status.remedy}" for status in statuses if status.remedy]
        near = [
            pair
            for pair in available
            if pair.startswith(f"{request.source_language}-")
            or pair.endswith(f"-{request.target_language}")
        ]
        there_is = ", ".join(near or available) or "none"
        return UnsupportedLanguage(
            f"no engine here translates {request.source_language} → {request.target_language}; "
            f"there is: {there_is}. To get more: {'; '.join(remedies)}",
            available=tuple(available),
            field="target_language",
        )
