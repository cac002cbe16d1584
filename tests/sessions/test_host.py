"""The session host: what it tells, what it survives, and what another one goes on from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from livetranslate.asr.engine import WindowRequest
from livetranslate.asr.loading import EngineLoader
from livetranslate.asr.models.store import ModelStore, StoreOptions
from livetranslate.asr.whisper.engine import WhisperEngine, WhisperOptions
from livetranslate.domain.errors import ClaimLost, InvalidInput, NotFound, Overloaded
from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionEvent,
    SessionStarted,
    SessionUpdated,
    TranslationResult,
    Vad,
)
from livetranslate.domain.session import ConfigUpdate, EndReason, PolicyName, SessionStatistics
from livetranslate.domain.speech import Hypothesis
from support.hosting import HostLog, Listener, Stage, finals, results, said, translations
from support.speech import WHISPER_FIXTURE
from support.told_speech import ToldEngine, ToldSession, check_promises, real_session

SPOKEN = real_session("en_25", "en_04", "en_12")
FIRST_S = 4.2  # the first recording and the pause behind it


class Moody(ToldEngine):
    """A told engine that raises at some of its decodings.

    Attributes:
        failures: What to raise, by number of the decoding.
        final_failures: What to raise at the next decodings of ends of utterances.
    """

    def __init__(self, session: ToldSession = SPOKEN) -> None:
        super().__init__(session)
        self.failures: dict[int, Exception] = {}
        self.final_failures: list[Exception] = []

    def decode(self, requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        number = len(self.requests)
        if number in self.failures:
            self.requests += requests
            raise self.failures[number]
        if requests[0].final and self.final_failures:
            raise self.final_failures.pop(0)
        return super().decode(requests)


@pytest.fixture
def engine() -> Moody:
    return Moody()


@pytest.fixture
async def stage(engine: Moody) -> AsyncIterator[Stage]:
    made = Stage(engine)
    yield made
    await made.close()


async def whole(
    stage: Stage, session: ToldSession = SPOKEN, **config: object
) -> list[SessionEvent]:
    """Open, feed and end a session and run a host over it."""
    await stage.open(**config)
    listener = Listener(stage.log)
    await stage.feed(session)
    await stage.end()
    await (await stage.host()).run()
    return await listener.all()


def last(events: Sequence[SessionEvent]) -> SessionEnded:
    assert isinstance(events[-1], SessionEnded)
    return events[-1]


def errors(events: Sequence[SessionEvent]) -> list[SessionError]:
    return [event for event in events if isinstance(event, SessionError)]


async def test_the_first_event_says_what_is_at_work(stage: Stage) -> None:
    started = (await whole(stage, policy=PolicyName.LOCAL_AGREEMENT))[0]
    assert isinstance(started, SessionStarted)
    applied = started.config
    assert (applied.engine, applied.model, applied.device) == ("told", "told", "cpu")
    assert "installed" in applied.engine_reason
    assert (applied.policy, applied.worker_id) == (PolicyName.LOCAL_AGREEMENT, "w1")
    assert applied.config.language == "en"


async def test_everything_said_is_told_and_translated(stage: Stage) -> None:
    events = await whole(stage, target_languages=("es", "fr"))
    assert said(events) == SPOKEN.text
    check_promises(results(events))
    expected = [
        (event.segment_id, language, f"{language}: {event.text.upper()}")
        for event in finals(events)
        for language in ("es", "fr")
    ]
    assert sorted(translations(events)) == sorted(expected)
    previews = [e for e in events if isinstance(e, TranslationResult) and not e.is_final]
    assert all(event.target_language in ("es", "fr") for event in previews)
    changes = [event.speech for event in events if isinstance(event, Vad)]
    assert changes[:2] == [True, False] and len(changes) >= 6
    totals = last(events).statistics
    assert last(events).reason is EndReason.CLIENT_ENDED
    assert totals.audio_s == round(len(SPOKEN.pcm) / 16_000, 3)
    assert totals.chunks == -(-len(SPOKEN.pcm) // 1_600)
    assert (totals.words, totals.segments) == (len(SPOKEN.words), len(finals(events)))
    assert totals.translations == len(expected)
    assert 0 < totals.speech_s < totals.audio_s
    assert totals.inference_s > 0


async def test_the_end_flushes_the_last_word(stage: Stage) -> None:
    cut = SPOKEN.cut(next(word.end for word in SPOKEN.words if word.word == "afternoon.") + 0.02)
    assert said(await whole(stage, cut)) == cut.text


async def test_a_change_counts_for_what_follows(stage: Stage) -> None:
    await stage.open(target_languages=("es",), glossary={"meeting": "reunion"})
    listener = Listener(stage.log)
    await stage.feed(SPOKEN.cut(FIRST_S))
    update = ConfigUpdate(
        target_languages=("fr",), glossary={"document": "papier"}, context="Work."
    )
    await stage.log.append_update("s1", update)
    await stage.feed(SPOKEN, since_s=FIRST_S)
    await stage.end()
    await (await stage.host()).run()
    events = await listener.all()
    [updated] = [event for event in events if isinstance(event, SessionUpdated)]
    assert updated.config == update
    first, *rest = finals(events)
    assert translations(events)[0] == (
        first.segment_id,
        "es",
        "es: THE REUNION STARTS AT THREE THIRTY.",
    )
    assert {(name, language) for name, language, _ in translations(events)[1:]} == {
        (event.segment_id, "fr") for event in rest
    }
    later = [request for request in stage.translator.requests if request.target_language == "fr"]
    assert all(request.glossary == {"document": "papier"} for request in later)
    assert all("Work." in request.context for request in later)


async def test_a_changed_language_is_decoded(stage: Stage, engine: Moody) -> None:
    await stage.open()
    await stage.feed(SPOKEN.cut(FIRST_S))
    await stage.log.append_update("s1", ConfigUpdate(language="es"))
    await stage.feed(SPOKEN, since_s=FIRST_S)
    await stage.end()
    await (await stage.host()).run()
    asked = [request.language for request in engine.requests]
    assert asked[0] == "en" and asked[-1] == "es"
    assert finals(await stage.events())[-1].language == "es"


async def test_a_change_to_an_unknown_language_is_refused_and_the_rest_is_done(
    stage: Stage,
) -> None:
    await stage.open()
    await stage.feed(SPOKEN)
    await stage.log.append_update("s1", ConfigUpdate(language="sw", target_languages=("fr",)))
    await stage.log.append_update("s1", ConfigUpdate(language="sw"))
    await stage.end()
    await (await stage.host()).run()
    events = await stage.events()
    assert [(e.code, e.field, e.fatal) for e in errors(events)] == [
        ("unsupported_language", "config.language", False)
    ] * 2
    assert "en, es" in errors(events)[0].message
    updates = [event.config for event in events if isinstance(event, SessionUpdated)]
    assert updates == [ConfigUpdate(target_languages=("fr",))]
    assert said(events) == SPOKEN.text


async def test_silence_moves_the_checkpoint_on(stage: Stage) -> None:
    await stage.open()
    await stage.feed(ToldSession(np.zeros(60 * 16_000, np.int16), ()))
    host = await stage.host()
    running = asyncio.create_task(host.run())
    while (await stage.log.state("s1")).buffered_s > 2.0:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await stage.log.release(host.claim)
    claim = await stage.log.claim("w2")
    assert claim is not None and claim.checkpoint is not None
    assert claim.checkpoint.position > 550
    assert host.buffered_s < 1.0


# What goes wrong


async def test_one_failed_decoding_is_told_and_costs_no_word(stage: Stage, engine: Moody) -> None:
    engine.failures = {1: RuntimeError("boom"), 4: RuntimeError("boom"), 5: Overloaded("full")}
    events = await whole(stage)
    assert said(events) == SPOKEN.text
    assert [(error.code, error.fatal) for error in errors(events)] == [
        ("internal_error", False),
        ("internal_error", False),
        ("overloaded", False),
    ]
    assert "boom" not in errors(events)[0].message
    assert last(events).reason is EndReason.CLIENT_ENDED


async def test_a_failed_end_of_an_utterance_is_tried_again(stage: Stage, engine: Moody) -> None:
    engine.final_failures = [RuntimeError("boom")]
    events = await whole(stage)
    assert said(events) == SPOKEN.text
    assert len(errors(events)) == 1


async def test_an_end_that_fails_again_is_left_out(stage: Stage, engine: Moody) -> None:
    engine.final_failures = [RuntimeError("boom"), RuntimeError("boom")]
    events = await whole(stage)
    assert said(events)[-5:] == SPOKEN.text[-5:]
    assert len(errors(events)) == 2
    assert last(events).reason is EndReason.CLIENT_ENDED


async def test_three_failures_in_a_row_end_the_session(stage: Stage, engine: Moody) -> None:
    engine.failures = {number: RuntimeError("boom") for number in (3, 4, 5)}
    events = await whole(stage)
    assert [error.fatal for error in errors(events)] == [False, False, True]
    assert last(events).reason is EndReason.FAILED
    assert last(events).statistics.audio_s > 0


async def test_an_error_that_will_not_pass_ends_the_session_at_once(
    stage: Stage, engine: Moody
) -> None:
    engine.failures = {2: InvalidInput("it cannot do that", field="task")}
    events = await whole(stage)
    [error] = errors(events)
    assert (error.code, error.field, error.fatal) == ("invalid_input", "task", True)
    assert last(events).reason is EndReason.FAILED


async def test_an_unknown_language_is_refused_with_what_there_is(stage: Stage) -> None:
    events = await whole(stage, language="sw")
    [error] = errors(events)
    assert (error.code, error.field, error.fatal) == (
        "unsupported_language",
        "config.language",
        True,
    )
    assert "en, es" in error.message
    assert last(events).reason is EndReason.FAILED
    assert last(events).statistics == SessionStatistics()
    assert {status.references for status in stage.models.loaded()} == {0}


async def test_a_missing_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    loader = EngineLoader(ModelStore(StoreOptions(model_dir=tmp_path, hub_cache=tmp_path)))
    stage = Stage(Moody(), loader=loader)
    events = await whole(stage, model="large-v3")
    [error] = errors(events)
    assert (error.code, error.fatal) == ("model_unavailable", True)
    assert "livetranslate models download large-v3" in error.message
    assert last(events).reason is EndReason.FAILED
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if name.startswith("translation of")]
    await stage.close()


async def test_a_translation_that_fails_is_told_and_harms_no_other(stage: Stage) -> None:
    stage.translator.failing = {"fr"}
    events = await whole(stage, target_languages=("es", "fr"))
    assert said(events) == SPOKEN.text
    done = [event for event in events if isinstance(event, TranslationResult) and event.is_final]
    assert {event.error for event in done if event.target_language == "fr"} == {"fr is down"}
    assert {event.error for event in done if event.target_language == "es"} == {None}
    assert last(events).statistics.translations == len(finals(events))


async def test_a_host_whose_claim_is_lost_writes_nothing_more(stage: Stage) -> None:
    await stage.open(target_languages=("es",))
    await stage.feed(SPOKEN)
    host = await stage.host()
    await stage.log.release(host.claim)
    other = await stage.log.claim("other")
    with pytest.raises(ClaimLost):
        await host.run()
    assert await stage.events() == []
    assert other is not None
    await stage.log.touch(other)


async def test_a_deleted_session_stops_its_host(stage: Stage) -> None:
    await stage.open()
    await stage.feed(SPOKEN.cut(2.0))
    running = asyncio.create_task((await stage.host()).run())
    await stage.log.read_events("s1", 0, wait_s=30)
    await stage.log.delete("s1")
    with pytest.raises((ClaimLost, NotFound)):
        await asyncio.wait_for(running, 30)


# What another host goes on from


def outcome(events: Sequence[SessionEvent]) -> list[object]:
    """All of a session that must be the same however often its host was killed."""
    kept = [(event.segment_id, event.text, event.words, event.language) for event in finals(events)]
    totals = last(events).statistics
    counts = (totals.audio_s, totals.speech_s, totals.chunks, totals.words, totals.segments)
    updates = [event.config for event in events if isinstance(event, SessionUpdated)]
    speech = [event.speech for event in events if isinstance(event, Vad)]
    return [kept, sorted(translations(events)), updates, speech, counts, totals.translations]


async def broken_run(
    stage: Stage, prepare: Callable[[Stage], object], deaths: Sequence[HostLog]
) -> tuple[list[SessionEvent], int]:
    """A session whose hosts die one after the other; the last one ends it."""
    await prepare(stage)
    listener = Listener(stage.log)
    died = 0
    for log in deaths:
        if not await stage.killed(log):
            break
        died += 1
    else:
        await (await stage.host(HostLog(stage.log, one_by_one=True))).run()
    return await listener.all(), died


async def with_an_update(stage: Stage) -> None:
    await stage.open(target_languages=("es", "fr"))
    await stage.feed(SPOKEN.cut(FIRST_S + 1.0))
    await stage.log.append_update("s1", ConfigUpdate(target_languages=("de",)))
    await stage.feed(SPOKEN, since_s=FIRST_S + 1.0)
    await stage.end()


@pytest.fixture(scope="module")
def undisturbed() -> list[object]:
    async def run() -> list[object]:
        stage = Stage(ToldEngine(SPOKEN))
        events, _ = await broken_run(stage, with_an_update, [])
        await stage.close()
        assert said(events) == SPOKEN.text
        return outcome(events)

    return asyncio.run(run())


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("first", range(4))
async def test_a_host_may_die_at_any_write(
    stage: Stage, undisturbed: list[object], first: int, written: bool
) -> None:
    """Hosts die at their first, second … write, until one reaches the end."""
    died_at: list[int] = []

    def deaths():
        at = first
        while True:
            died_at.append(at)
            yield HostLog(stage.log, die_at=at, written=written, one_by_one=True)
            at = 1 + (at * 5 + 3) % 11

    events, died = await broken_run(stage, with_an_update, deaths())
    assert died >= 5
    assert outcome(events) == undisturbed
    check_promises(results(events))
    assert sum(isinstance(event, SessionStarted) for event in events) == 1


@pytest.mark.parametrize("at", range(0, 30, 4))
async def test_a_host_may_be_stopped_while_it_decodes(
    stage: Stage, engine: Moody, undisturbed: list[object], at: int
) -> None:
    await with_an_update(stage)
    listener = Listener(stage.log)
    host = await stage.host(HostLog(stage.log, one_by_one=True))
    running = asyncio.create_task(host.run())
    loop = asyncio.get_running_loop()
    hear = engine.decode

    def decode(requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        if len(engine.requests) == at:
            loop.call_soon_threadsafe(running.cancel)
        return hear(requests)

    engine.decode = decode
    await asyncio.gather(running, return_exceptions=True)
    await stage.log.release(host.claim)
    assert running.cancelled()
    await (await stage.host(HostLog(stage.log, one_by_one=True))).run()
    assert outcome(await listener.all()) == undisturbed


async def test_a_translation_of_which_one_language_is_missing_is_completed(stage: Stage) -> None:
    """The host dies between the final translations into its two languages."""
    stage.translator.held = {"fr": asyncio.Event()}
    await stage.open(target_languages=("es", "fr"))
    await stage.feed(SPOKEN.cut(FIRST_S))
    await stage.end()
    log = HostLog(stage.log)
    dying = asyncio.create_task(stage.killed(log))
    seen = 0
    while not translations(await stage.events()):
        seen = (await stage.log.read_events("s1", seen, wait_s=30))[-1].event_id
    log.dead.set()
    stage.translator.held["fr"].set()
    assert await dying
    assert [language for _, language, _ in translations(await stage.events())] == ["es"]
    await (await stage.host()).run()
    events = await stage.events()
    told = [(name, language) for name, language, _ in translations(events)]
    assert told == [("seg-00001", "es"), ("seg-00001", "fr")]
    assert last(events).statistics.translations == 2


async def test_with_the_real_engine_not_a_letter_differs_after_many_deaths() -> None:
    session = real_session("en_00", "es_36", pause_s=0.6)

    async def run(deaths: int) -> list[object]:
        options = WhisperOptions(cpu_threads=1, min_window_s=1.0)
        stage = Stage(WhisperEngine("fixture", WHISPER_FIXTURE, options))
        logs = [
            HostLog(stage.log, die_at=2 + n, written=bool(n % 2), one_by_one=True)
            for n in range(deaths)
        ]

        async def prepare(stage: Stage) -> None:
            await stage.open(language="auto")
            await stage.feed(session)
            await stage.end()

        events, died = await broken_run(stage, prepare, logs)
        assert died == deaths
        await stage.close()
        assert {event.language for event in finals(events)} == {"en", "es"}
        return outcome(events)

    assert await run(deaths=5) == await run(deaths=0)
