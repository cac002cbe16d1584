"""Which engine and model a session gets, and why: ``auto`` takes the best that is really there.

Pure: what is installed comes in, candidates in order of preference come out. The model manager
takes the first that loads.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from livetranslate.domain.errors import InvalidInput, ModelUnavailable

WHISPER = "faster-whisper"
POCKETSPHINX = "pocketsphinx"
SCRIPTED = "scripted"
ENGINES = (WHISPER, POCKETSPHINX, SCRIPTED)
"""Engines by name, best first; the last one recognises nothing and is never taken by itself."""

PREFERRED_ON_CPU = ("base", "small", "tiny", "base.en", "small.en", "tiny.en", "distil-small.en")
"""Models that keep up with live speech on a few cores, best compromise first."""

PREFERRED_ON_GPU = (
    "large-v3-turbo",
    "large-v3",
    "distil-large-v3.5",
    "distil-large-v3",
    "large-v2",
    "medium",
)
"""Models that keep up with live speech on a GPU, best first."""

REMEDY = (
    "`livetranslate models download base` fetches a neural model for about a hundred languages "
    "(HF_ENDPOINT names a mirror, MODEL_DIR the place for copied ones)"
)


MADE_UP = (
    "asked for by the session: this engine recognises nothing, its words are made up at fixed "
    "times, for load tests"
)


class Candidate(msgspec.Struct, frozen=True):
    """An engine with a model, and why it is considered.

    Attributes:
        engine: Name of the engine.
        model: Name or directory of the model.
        reason: For people; told in ``session_started`` if it is taken.
    """

    engine: str
    model: str
    reason: str


def candidates(
    *,
    engine: str | None,
    model: str | None,
    configured: str | None,
    installed: Sequence[str],
    on_gpu: bool,
) -> list[Candidate]:
    """Return what may serve a session, best first.

    Args:
        engine: Engine that the client asks for; None or ``auto`` leaves the choice.
        model: Model that the client asks for, or None.
        configured: The installation's model (``WHISPER_MODEL``), or None.
        installed: Names of the Whisper models that are there.
        on_gpu: Whether models run on a GPU.

    Raises:
        InvalidInput: There is no such engine.
        ModelUnavailable: The engine asked for has no model here; says what helps.
    """
    if engine not in (None, "auto", *ENGINES):
        raise InvalidInput(
            f"there is no speech engine {engine!r}; there are auto, {', '.join(ENGINES)}",
            field="config.engine",
        )
    embedded = Candidate(POCKETSPHINX, "en-us", "asked for by the session")
    if engine == POCKETSPHINX:
        return [embedded]
    if engine == SCRIPTED:
        return [Candidate(SCRIPTED, "no-recognition", MADE_UP)]
    if model is not None:
        _check_name(model, configured)
        return [Candidate(WHISPER, model, f"the session asks for the model {model}")]
    found: list[Candidate] = []
    if configured is not None:
        found.append(Candidate(WHISPER, configured, f"WHISPER_MODEL is {configured}"))
    found += [
        Candidate(WHISPER, name, f"the best installed model for {'a GPU' if on_gpu else 'a CPU'}")
        for name in _ranked(installed, on_gpu=on_gpu)
        if name != configured
    ]
    if engine == WHISPER:
        if not found:
            raise ModelUnavailable(
                f"no Whisper model is installed; {REMEDY}", field="config.engine"
            )
        return found
    why = "no Whisper model is installed" if not found else "no Whisper model could be loaded"
    fallback = f"{why}, so the embedded engine for English is at work; {REMEDY}"
    return [*found, msgspec.structs.replace(embedded, reason=fallback)]


def _ranked(installed: Sequence[str], *, on_gpu: bool) -> list[str]:
    order = PREFERRED_ON_GPU + PREFERRED_ON_CPU if on_gpu else PREFERRED_ON_CPU
    known = [name for name in order if name in installed]
    return known + sorted(name for name in installed if name not in known)


def _check_name(model: str, configured: str | None) -> None:
    """Clients name models; only the operator names directories."""
    if model != configured and (model.startswith((".", "~", "/")) or ".." in model):
        raise InvalidInput(f"{model!r} is no name of a model", field="config.model")
