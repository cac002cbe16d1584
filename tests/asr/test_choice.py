"""Which engine and model a session gets, and what it is told of the reason."""

from __future__ import annotations

import pytest

from livetranslate.asr.choice import POCKETSPHINX, WHISPER, Candidate, candidates
from livetranslate.domain.errors import InvalidInput, ModelUnavailable


def choose(
    *installed: str,
    engine: str | None = None,
    model: str | None = None,
    configured: str | None = None,
    on_gpu: bool = False,
) -> list[Candidate]:
    return candidates(
        engine=engine, model=model, configured=configured, installed=installed, on_gpu=on_gpu
    )


def names(found: list[Candidate]) -> list[str]:
    return [candidate.model for candidate in found]


def test_with_nothing_installed_the_embedded_engine_says_how_to_get_a_better_one() -> None:
    [only] = choose()
    assert (only.engine, only.model) == (POCKETSPHINX, "en-us")
    assert "no Whisper model is installed" in only.reason
    assert "livetranslate models download" in only.reason


@pytest.mark.parametrize("engine", [None, "auto"])
def test_the_best_compromise_for_the_device_comes_first(engine: str | None) -> None:
    installed = ("tiny", "large-v3-turbo", "base", "mine")
    on_cpu = choose(*installed, engine=engine)
    assert names(on_cpu) == ["base", "tiny", "large-v3-turbo", "mine", "en-us"]
    assert "for a CPU" in on_cpu[0].reason
    assert "could be loaded" in on_cpu[-1].reason
    on_gpu = choose(*installed, engine=engine, on_gpu=True)
    assert names(on_gpu)[0] == "large-v3-turbo"
    assert "for a GPU" in on_gpu[0].reason


def test_the_configured_model_comes_before_what_is_installed() -> None:
    found = choose("base", "small", configured="small")
    assert names(found) == ["small", "base", "en-us"]
    assert "WHISPER_MODEL" in found[0].reason


def test_what_the_session_asks_for_has_no_substitute() -> None:
    assert names(choose("base", model="small", configured="tiny")) == ["small"]
    assert names(choose("base", engine=POCKETSPHINX)) == ["en-us"]
    assert names(choose("base", engine=WHISPER)) == ["base"]


def test_whisper_without_a_model_is_refused_with_the_remedy() -> None:
    with pytest.raises(ModelUnavailable, match="models download") as refused:
        choose(engine=WHISPER)
    assert refused.value.field == "config.engine"


def test_an_unknown_engine_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInput, match="auto, faster-whisper, pocketsphinx") as refused:
        choose(engine="kaldi")
    assert refused.value.field == "config.engine"


@pytest.mark.parametrize("model", ["/etc", "../other", "~/models", "./here", "a/../../b"])
def test_directories_are_for_the_operator(model: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        choose("base", model=model)
    assert refused.value.field == "config.model"
    assert names(choose("base", model=model, configured=model)) == [model]
