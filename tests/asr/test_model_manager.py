"""The model manager: each model once in memory, as long as somebody needs it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from livetranslate.asr.choice import Candidate
from livetranslate.asr.engine import Capabilities, EngineInfo
from livetranslate.asr.manager import ManagerOptions, ModelManager
from livetranslate.domain.errors import (
    Conflict,
    InvalidInput,
    ModelUnavailable,
    NotFound,
    UnsupportedLanguage,
)


class Engine:
    def __init__(self, candidate: Candidate, languages: tuple[str, ...]) -> None:
        self.closed = False
        self.info = EngineInfo(
            engine=candidate.engine,
            model=candidate.model,
            device="cpu",
            compute_type="int8",
            memory_bytes=1,
        )
        self.capabilities = Capabilities(
            incremental=candidate.engine == "pocketsphinx",
            word_times=True,
            languages=languages,
            detects_language=True,
            translates=False,
            max_batch=4,
            min_window_s=1.0,
            max_window_s=30.0,
        )

    def close(self) -> None:
        self.closed = True


class Loader:
    """Loads scripted engines; what is in ``broken`` fails, and ``gate`` holds loads up."""

    on_gpu = False

    def __init__(self, *installed: str) -> None:
        self.models = list(installed)
        self.loads: list[str] = []
        self.engines: list[Engine] = []
        self.broken: dict[str, Exception] = {}
        self.languages = ("en", "es")
        self.gate = threading.Event()
        self.gate.set()
        self.loading = threading.Semaphore(0)

    def installed(self) -> list[str]:
        return self.models

    def load(self, candidate: Candidate) -> Engine:
        self.loads.append(candidate.model)
        self.loading.release()
        assert self.gate.wait(30)
        if candidate.model in self.broken:
            raise self.broken[candidate.model]
        known = ("en",) if candidate.engine == "pocketsphinx" else self.languages
        self.engines.append(Engine(candidate, known))
        return self.engines[-1]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loader() -> Loader:
    return Loader("base", "tiny")


@pytest.fixture
async def manager(loader: Loader, clock: Clock):
    made = ModelManager(loader, ManagerOptions(idle_s=10.0), clock=clock)
    yield made
    loader.gate.set()
    await made.close()
    assert all(engine.closed for engine in loader.engines)


async def test_one_model_serves_all_who_want_it(manager: ModelManager, loader: Loader) -> None:
    one, other = await manager.acquire(), await manager.acquire()
    assert loader.loads == ["base"]
    assert one.engine is other.engine and one.scheduler is other.scheduler
    assert "installed" in one.candidate.reason
    [status] = manager.loaded()
    assert (status.info.model, status.references, status.idle_s) == ("base", 2, 0.0)
    assert (status.in_flight, status.queued) == (0, 0)
    one.release()
    one.release()
    assert manager.loaded()[0].references == 1
    other.release()
    assert manager.loaded()[0].references == 0


async def test_at_once_is_loaded_once(manager: ModelManager, loader: Loader) -> None:
    loader.gate.clear()
    waiting = [asyncio.create_task(manager.acquire()) for _ in range(20)]
    await asyncio.to_thread(loader.loading.acquire)
    given_up = waiting.pop()
    given_up.cancel()
    loader.gate.set()
    leases = await asyncio.gather(*waiting)
    assert loader.loads == ["base"]
    assert manager.loaded()[0].references == 19
    for lease in leases:
        with lease:
            pass
    assert manager.loaded()[0].references == 0


async def test_different_models_are_kept_side_by_side(
    manager: ModelManager, loader: Loader
) -> None:
    with await manager.acquire(model="tiny"), await manager.acquire():
        assert loader.loads == ["tiny", "base"]
        assert len(manager.loaded()) == 2


@pytest.mark.parametrize("failure", [ModelUnavailable("it is torn"), RuntimeError("it is torn")])
async def test_the_next_candidate_takes_the_place_of_one_that_fails(
    manager: ModelManager, loader: Loader, failure: Exception
) -> None:
    loader.broken = {"base": failure}
    with await manager.acquire() as lease:
        assert lease.engine.info.model == "tiny"
        assert "torn" in lease.candidate.reason
    loader.broken = {}
    with await manager.acquire() as lease:
        assert lease.engine.info.model == "base"


async def test_if_nothing_loads_all_reasons_are_told(manager: ModelManager, loader: Loader) -> None:
    loader.broken = {
        name: ModelUnavailable(f"{name} is torn") for name in ("base", "tiny", "en-us")
    }
    with pytest.raises(ModelUnavailable, match="base is torn; tiny is torn; en-us is torn"):
        await manager.acquire()
    assert manager.loaded() == []


async def test_what_was_asked_for_has_no_substitute(manager: ModelManager, loader: Loader) -> None:
    loader.broken = {"small": ModelUnavailable("small is not installed")}
    with pytest.raises(ModelUnavailable, match="small is not installed"):
        await manager.acquire(model="small")
    with pytest.raises(InvalidInput, match="kaldi"):
        await manager.acquire(engine="kaldi")


async def test_a_language_that_nobody_knows_is_refused_with_what_there_is(
    manager: ModelManager,
) -> None:
    with pytest.raises(UnsupportedLanguage, match="'sw'") as refused:
        await manager.acquire(language="sw")
    assert refused.value.field == "config.language"
    assert "en" in refused.value.available
    assert {status.references for status in manager.loaded()} == {0}
    for known in ("es", "es-MX", "auto"):
        (await manager.acquire(language=known)).release()


async def test_the_first_candidate_that_knows_the_language_is_taken(
    manager: ModelManager, loader: Loader
) -> None:
    loader.models = []
    with await manager.acquire(language="en") as lease:
        assert lease.engine.info.engine == "pocketsphinx"
        assert lease.scheduler is None
    with pytest.raises(UnsupportedLanguage, match="no Whisper model is installed"):
        await manager.acquire(language="es")


async def test_idle_models_go_after_their_time(
    manager: ModelManager, loader: Loader, clock: Clock
) -> None:
    base, tiny = await manager.acquire(), await manager.acquire(model="tiny")
    clock.now = 100.0
    assert await manager.unload_idle() == []
    base.release()
    clock.now = 105.0
    tiny.release()
    assert {status.idle_s for status in manager.loaded()} == {5.0, 0.0}
    clock.now = 109.9
    assert await manager.unload_idle() == []
    clock.now = 110.0
    assert await manager.unload_idle() == ["base"]
    assert [engine.closed for engine in loader.engines] == [True, False]
    clock.now = 115.0
    assert await manager.unload_idle() == ["tiny"]
    (await manager.acquire()).release()
    assert loader.loads == ["base", "tiny", "base"]


async def test_a_model_taken_up_while_others_are_unloaded_stays(
    manager: ModelManager, loader: Loader, clock: Clock
) -> None:
    (await manager.acquire()).release()
    (await manager.acquire(model="tiny")).release()
    clock.now = 100.0
    unloading = asyncio.create_task(manager.unload_idle())
    await asyncio.sleep(0)
    lease = await manager.acquire(model="tiny")
    await unloading
    assert not lease.engine.closed
    assert [status.info.model for status in manager.loaded()] == ["tiny"]
    lease.release()


async def test_unloading_by_name(manager: ModelManager, loader: Loader) -> None:
    with pytest.raises(NotFound):
        await manager.unload("base")
    with await manager.acquire() as _:
        with pytest.raises(Conflict, match="1 sessions or jobs use base"):
            await manager.unload("base")
        assert not loader.engines[0].closed
    await manager.unload("base")
    assert loader.engines[0].closed and manager.loaded() == []


async def test_loading_by_name_keeps_for_a_while(
    manager: ModelManager, loader: Loader, clock: Clock
) -> None:
    clock.now = 50.0
    status = await manager.load("tiny")
    assert (status.info.model, status.references) == ("tiny", 0)
    clock.now = 59.0
    assert await manager.unload_idle() == []
    clock.now = 60.0
    assert await manager.unload_idle() == ["tiny"]


async def test_closing_takes_along_what_is_being_loaded(clock: Clock) -> None:
    loader = Loader("base")
    manager = ModelManager(loader, clock=clock)
    loader.gate.clear()
    waiting = asyncio.create_task(manager.acquire())
    await asyncio.to_thread(loader.loading.acquire)
    closing = asyncio.create_task(manager.close())
    waiting.cancel()
    loader.gate.set()
    await closing
    assert [engine.closed for engine in loader.engines] == [True]
    assert manager.loaded() == []
