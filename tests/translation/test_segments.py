"""A session's segments translated as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from livetranslate.domain.errors import BackendUnavailable, LiveTranslateError
from livetranslate.domain.events import TranslationResult
from livetranslate.translation.base import Translation, TranslationRequest
from livetranslate.translation.segment_queue import SegmentOptions
from livetranslate.translation.segments import SegmentTranslator
from support.segments import NOON, segment


class GatedTranslator:
    """Writes in upper case; a language whose gate is shut waits, one with a failure raises it."""

    def __init__(self) -> None:
        self.requests: list[TranslationRequest] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.failures: dict[str, Exception] = {}
        self.started = asyncio.Event()

    async def translate(self, request: TranslationRequest) -> list[Translation]:
        self.requests.append(request)
        self.started.set()
        target = request.target_language
        if target in self.gates:
            await self.gates[target].wait()
        if target in self.failures:
            raise self.failures[target]
        return [
            Translation(
                translated_text=f"{target}:{text.strip('…').upper()}",
                source_language=request.source_language,
                target_language=target,
                confidence=0.7,
                engine="loud",
                cached=False,
                processing_time=0.0,
            )
            for text in request.texts
        ]

    async def close(self) -> None:
        pass


class Stage:
    """A segment translator with everything around it."""

    def __init__(self, *targets: str, **options: object) -> None:
        self.translator = GatedTranslator()
        self.results: list[TranslationResult] = []
        self.emit_failure: LiveTranslateError | None = None
        self.now = 0.0
        self.arrived = asyncio.Condition()
        self.segments = SegmentTranslator(
            self.translator,
            "s-1",
            self._emit,
            now=lambda: NOON,
            clock=lambda: self.now,
            target_languages=targets,
            options=SegmentOptions(**{"preview_interval_s": 0.0, **options}),
        )

    async def _emit(self, result: TranslationResult) -> None:
        if self.emit_failure is not None:
            raise self.emit_failure
        async with self.arrived:
            self.results.append(result)
            self.arrived.notify_all()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5), self.arrived:
            await self.arrived.wait_for(lambda: len(self.results) >= count)

    def texts(self, language: str = "es") -> list[str]:
        return [r.translated_text for r in self.results if r.target_language == language]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage("es", "fr")
    yield stage
    await stage.segments.close()


async def test_every_final_reaches_every_language_in_order(stage: Stage) -> None:
    for number in range(20):
        await stage.segments.update(segment(f"g{number}", f"text {number}"))
    await stage.segments.flush()
    for language in ("es", "fr"):
        expected = [f"{language}:TEXT {number}" for number in range(20)]
        assert stage.texts(language) == expected
    first = stage.results[0]
    assert (first.session_id, first.segment_id, first.is_final) == ("s-1", "g0", True)
    assert (first.source_language, first.engine, first.confidence) == ("en", "loud", 0.7)
    assert (first.speaker_id, first.speaker_name) == ("sp-1", "Ann")
    assert (first.timestamp, first.error, first.event_id) == (NOON, None, 0)


async def test_previews_come_before_the_final_and_only_when_they_differ(stage: Stage) -> None:
    stage.segments.configure(target_languages=("es",))
    await stage.segments.update(segment("a", "good", final=False))
    await stage.until(1)
    await stage.segments.update(segment("a", "good…", final=False))
    await stage.segments.update(segment("a", "good", final=False))
    await stage.segments.update(segment("b", "other", final=False))
    await stage.until(2)
    await stage.segments.update(segment("a", "good morning"))
    await stage.segments.flush()
    assert [(r.segment_id, r.translated_text, r.is_final) for r in stage.results] == [
        ("a", "es:GOOD", False),
        ("b", "es:OTHER", False),
        ("a", "es:GOOD MORNING", True),
    ]


async def test_previews_coalesce_while_a_language_is_busy(stage: Stage) -> None:
    stage.segments.configure(target_languages=("es",))
    stage.translator.gates["es"] = asyncio.Event()
    await stage.segments.update(segment("a", "one", final=False))
    await stage.translator.started.wait()
    for text in ("one two", "one two three", "one two three four"):
        await stage.segments.update(segment("a", text, final=False))
    stage.translator.gates["es"].set()
    await stage.until(2)
    assert stage.texts() == ["es:ONE", "es:ONE TWO THREE FOUR"]


async def test_a_preview_overtaken_by_its_final_is_not_shown(stage: Stage) -> None:
    stage.segments.configure(target_languages=("es",))
    stage.translator.gates["es"] = asyncio.Event()
    await stage.segments.update(segment("a", "one", final=False))
    await stage.translator.started.wait()
    await stage.segments.update(segment("a", "one two"))
    stage.translator.gates["es"].set()
    await stage.segments.flush()
    assert [(r.translated_text, r.is_final) for r in stage.results] == [("es:ONE TWO", True)]


async def test_a_slow_language_holds_up_no_other(stage: Stage) -> None:
    stage.translator.gates["fr"] = asyncio.Event()
    for number in range(3):
        await stage.segments.update(segment(f"g{number}", f"text {number}"))
    await stage.until(3)
    assert len(stage.texts("es")) == 3 and stage.texts("fr") == []
    stage.translator.gates["fr"].set()
    await stage.segments.flush()
    assert len(stage.texts("fr")) == 3


@pytest.mark.parametrize(
    ("failure", "told"),
    [(BackendUnavailable("it burns"), "it burns"), (ZeroDivisionError("x"), "failed")],
)
async def test_a_failure_is_a_result_and_stops_nothing(
    stage: Stage, failure: Exception, told: str
) -> None:
    stage.translator.failures["fr"] = failure
    await stage.segments.update(segment("a", "one", final=False))
    await stage.segments.update(segment("a", "one"))
    await stage.segments.flush()
    [failed] = [r for r in stage.results if r.target_language == "fr"]
    assert failed.is_final and failed.translated_text == "" and told in (failed.error or "")
    assert failed.engine is None
    assert "es:ONE" in stage.texts()
    del stage.translator.failures["fr"]
    await stage.segments.update(segment("b", "two"))
    await stage.segments.flush()
    assert stage.texts("fr")[-1] == "fr:TWO"


async def test_what_was_said_before_and_what_it_is_about_is_the_context(stage: Stage) -> None:
    stage.segments.configure(
        target_languages=("es",), context="About rooms.", glossary={"room": "sala"}
    )
    for name, text in (("a", "Good."), ("b", "We want to"), ("c", "book the room.")):
        await stage.segments.update(segment(name, text))
    await stage.segments.flush()
    requests = stage.translator.requests
    assert [r.context for r in requests] == [
        "About rooms.\n",
        "About rooms.\nGood.",
        "About rooms.\nGood. We want to",
    ]
    assert all(r.glossary == {"room": "sala"} for r in requests)


async def test_a_change_of_languages_loses_no_final(stage: Stage) -> None:
    stage.translator.gates["fr"] = asyncio.Event()
    await stage.segments.update(segment("a", "one"))
    stage.segments.configure(target_languages=("es", "it"))
    await stage.segments.update(segment("b", "two"))
    stage.translator.gates["fr"].set()
    await stage.segments.flush()
    assert stage.texts("es") == ["es:ONE", "es:TWO"]
    assert stage.texts("it") == ["it:TWO"]
    assert stage.texts("fr") == ["fr:ONE"]


async def test_a_full_queue_blocks_the_feeder_and_drops_nothing() -> None:
    stage = Stage("es", max_finals=2)
    stage.translator.gates["es"] = asyncio.Event()
    feeding = asyncio.create_task(_feed(stage, 6))
    await stage.translator.started.wait()
    done, _ = await asyncio.wait([feeding], timeout=0.02)
    assert not done
    stage.translator.gates["es"].set()
    await feeding
    await stage.segments.flush()
    assert stage.texts() == [f"es:TEXT {number}" for number in range(6)]
    await stage.segments.close()


async def test_results_that_cannot_be_delivered_stop_the_feeder(stage: Stage) -> None:
    stage.emit_failure = BackendUnavailable("the log is gone")
    await stage.segments.update(segment("a", "one"))
    with pytest.raises(BackendUnavailable, match="the log is gone"):
        await stage.segments.flush()
    with pytest.raises(BackendUnavailable):
        await stage.segments.update(segment("b", "two"))


async def test_closing_waits_for_what_is_under_way_and_drops_the_rest(stage: Stage) -> None:
    stage.segments.configure(target_languages=("es",))
    stage.translator.gates["es"] = asyncio.Event()
    await stage.segments.update(segment("a", "one"))
    await stage.translator.started.wait()
    await stage.segments.update(segment("b", "two"))
    closing = asyncio.create_task(stage.segments.close())
    await asyncio.sleep(0)
    stage.translator.gates["es"].set()
    await closing
    assert stage.texts() == ["es:ONE"]


async def _feed(stage: Stage, count: int) -> None:
    for number in range(count):
        await stage.segments.update(segment(f"g{number}", f"text {number}"))
