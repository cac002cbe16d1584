"""Choice of engine, fallback, cache, detection and long texts."""

from __future__ import annotations

import asyncio

import pytest

from livetranslate.domain.errors import (
    BackendUnavailable,
    InvalidInput,
    ModelUnavailable,
    UnsupportedLanguage,
)
from livetranslate.translation.base import Translation, TranslationRequest
from livetranslate.translation.options import TranslationOptions
from livetranslate.translation.service import LocalTranslator
from support.scripted_engine import ScriptedEngine


class Bench:
    """A translator over two scripted engines, and the time."""

    def __init__(self, **options: object) -> None:
        self.now = 100.0
        self.first = ScriptedEngine("first", "en-es", "es-en")
        self.second = ScriptedEngine("second", "en-es", "en-fr", "fr-es")
        self.options = TranslationOptions(**options)
        self.engines = [self.first, self.second]
        self.translator = LocalTranslator(
            self.options, create=lambda _: self.engines, clock=lambda: self.now
        )

    async def all(self, *texts: str, to: str = "es", **more: object) -> list[Translation]:
        fields: dict[str, object] = {"source_language": "en", **more}
        return await self.translator.translate(
            TranslationRequest(texts=texts, target_language=to, **fields)
        )

    async def one(self, text: str = "hello", **more: object) -> Translation:
        [result] = await self.all(text, **more)
        return result


async def test_the_first_engine_that_has_the_pair_is_taken() -> None:
    bench = Bench()
    spanish = await bench.one()
    assert (spanish.engine, spanish.translated_text) == ("first", "HELLO")
    assert spanish.fallback_reason is None and spanish.confidence == 0.5
    french = await bench.one(to="fr")
    assert french.engine == "second" and french.fallback_reason is None


async def test_a_named_engine_goes_first_and_its_lack_is_told() -> None:
    bench = Bench(engine="second")
    assert (await bench.one()).engine == "second"
    back = await bench.one(source_language="es", to="en")
    assert back.engine == "first"
    assert back.fallback_reason == "second has no es → en"


@pytest.mark.parametrize("error", [BackendUnavailable("it burns"), ModelUnavailable("no file")])
async def test_a_failing_engine_is_replaced_and_the_reason_told(
    error: BackendUnavailable | ModelUnavailable,
) -> None:
    bench = Bench()
    bench.first.failure = error
    result = await bench.one()
    assert result.engine == "second"
    assert result.fallback_reason == f"first: {error.message}"


async def test_a_dead_engine_is_left_alone_and_tried_again_later() -> None:
    bench = Bench(failures_to_open=2, retry_engine_s=30.0)
    bench.first.failure = BackendUnavailable("it burns")
    for text in "abcdef":
        assert (await bench.one(text)).engine == "second"
    assert len(bench.first.calls) == 2
    bench.now += 29
    waiting = await bench.one("g")
    assert waiting.fallback_reason == "first: it burns (tried again in 1 s)"
    bench.now += 1
    await bench.one("h")
    assert len(bench.first.calls) == 3
    await bench.one("i")
    assert len(bench.first.calls) == 3
    bench.now += 30
    bench.first.failure = None
    for text in "jk":
        recovered = await bench.one(text)
        assert recovered.engine == "first" and recovered.fallback_reason is None


async def test_when_all_fail_the_reasons_are_told() -> None:
    bench = Bench(failures_to_open=1)
    bench.first.failure = BackendUnavailable("it burns")
    bench.second.failure = BackendUnavailable("it froze")
    with pytest.raises(BackendUnavailable, match="first: it burns; second: it froze") as error:
        await bench.one()
    assert error.value.retry_after_s == pytest.approx(30.0)


async def test_a_missing_pair_lists_what_there_is() -> None:
    with pytest.raises(UnsupportedLanguage) as error:
        await Bench().one(to="ja")
    assert error.value.available == ("en-es", "en-fr", "es-en", "fr-es")
    assert error.value.field == "target_language"
    assert "en → ja" in error.value.message


async def test_the_cache_knows_everything_that_changes_the_output() -> None:
    bench = Bench()
    assert not (await bench.one("hello")).cached
    again = await bench.one("hello")
    assert again.cached and again.translated_text == "HELLO" and again.engine == "first"
    for other in (
        {"context": "we met"},
        {"glossary": {"hello": "hola"}},
        {"to": "fr"},
        {"text": "Hello"},
    ):
        fresh = await bench.one(**{"text": "hello", **other})
        assert not fresh.cached, other
        assert (await bench.one(**{"text": "hello", **other})).cached, other


async def test_the_cache_is_bounded_and_forgets_the_least_recent() -> None:
    bench = Bench(cache_entries=2)
    for text in ("a", "b", "a", "c"):
        await bench.one(text)
    assert (await bench.one("a")).cached
    assert (await bench.one("c")).cached
    assert not (await bench.one("b")).cached


async def test_what_a_fallback_made_is_not_kept() -> None:
    bench = Bench()
    bench.first.failure = BackendUnavailable("it burns")
    await bench.one()
    bench.first.failure = None
    assert (await bench.one()).engine == "first"


async def test_only_what_is_not_cached_is_sent_in_one_batch() -> None:
    bench = Bench()
    await bench.one("b")
    results = await bench.all("a", "b", "", "12 %", "c")
    assert [r.translated_text for r in results] == ["A", "B", "", "12 %", "C"]
    assert [r.cached for r in results] == [False, True, False, False, False]
    assert bench.first.calls[-1].texts == ("a", "c")


async def test_text_in_the_target_language_comes_back_as_it_is() -> None:
    bench = Bench()
    result = await bench.one("Hola a todos", source_language="es", to="es")
    assert (result.translated_text, result.engine) == ("Hola a todos", "none")
    assert (await bench.one("Olá", source_language="pt-BR", to="pt")).translated_text == "Olá"
    assert not bench.first.calls


async def test_the_language_is_detected_among_what_can_be_translated() -> None:
    bench = Bench()
    english, french, spanish = await bench.all(
        "Where is the meeting tomorrow morning?",
        "Où est la réunion de demain matin?",
        "¿Dónde es la reunión de mañana por la mañana?",
        source_language="auto",
    )
    assert (english.source_language, english.engine) == ("en", "first")
    assert (french.source_language, french.engine) == ("fr", "second")
    assert (spanish.source_language, spanish.engine) == ("es", "none")


async def test_a_short_text_is_told_by_its_context_or_refused() -> None:
    bench = Bench()
    helped = await bench.one(
        "Ok", source_language="auto", context="The meeting was long and we want to go home."
    )
    assert helped.source_language == "en"
    with pytest.raises(InvalidInput) as error:
        await bench.one("Ok", source_language="auto")
    assert error.value.field == "source_language"


async def test_long_text_is_cut_at_sentences_and_joined_again() -> None:
    bench = Bench()
    text = "The first one is here. The second one is there. And that is all of it now."
    result = await bench.one(text)
    assert result.translated_text == text.upper()
    assert len(bench.first.calls[0].texts) > 1
    assert all(len(piece) <= 40 for piece in bench.first.calls[0].texts)
    assert result.confidence == pytest.approx(0.5)


async def test_new_options_take_over_without_breaking_anything() -> None:
    bench = Bench()
    await bench.one("hello")
    old = bench.first
    bench.first = ScriptedEngine("newer", "en-es")
    bench.engines = [bench.first]
    await bench.translator.reload(TranslationOptions())
    assert old.closed
    result = await bench.one("hello")
    assert result.engine == "newer" and not result.cached
    await bench.translator.close()
    assert bench.first.closed


async def test_a_translation_under_way_ends_with_the_engines_it_began_with() -> None:
    bench = Bench()
    old = bench.first
    old.gate = asyncio.Event()
    under_way = asyncio.create_task(bench.one("hello"))
    await asyncio.sleep(0)
    bench.engines = [ScriptedEngine("newer", "en-es")]
    await bench.translator.reload(TranslationOptions())
    assert not old.closed
    assert (await bench.one("other")).engine == "newer"
    old.gate.set()
    assert (await under_way).engine == "first"
    assert old.closed


async def test_a_trial_that_was_cancelled_is_repeated() -> None:
    bench = Bench(failures_to_open=1, retry_engine_s=30.0)
    bench.first.failure = BackendUnavailable("it burns")
    await bench.one("a")
    bench.now += 30
    bench.first.failure, bench.first.gate = None, asyncio.Event()
    trial = asyncio.create_task(bench.one("b"))
    await asyncio.sleep(0)
    assert (await bench.one("c")).engine == "second"
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    bench.first.gate.set()
    bench.now += 30
    assert (await bench.one("d")).engine == "first"


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(InvalidInput, match="none of auto, openai_compatible") as error:
        LocalTranslator(TranslationOptions(engine="babelfish"))
    assert error.value.field == "engine"
