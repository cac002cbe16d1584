"""What every translation engine does, whichever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from livetranslate.domain.errors import UnsupportedLanguage
from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.engines.base import TranslationEngine
from livetranslate.translation.glossary_engine import translate_with_glossary
from livetranslate.translation.options import TranslationOptions
from livetranslate.translation.registry import ENGINES
from support.openai_server import openai_server
from support.toy_translation_models import make_marian

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=list(ENGINES))
async def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TranslationEngine]:
    models: Path = tmp_path_factory.mktemp("models")
    make_marian(models / "opus-mt-en-es")
    async with openai_server() as server:
        options = TranslationOptions(model_dir=str(models), openai_base_url=server.url)
        engine = ENGINES[request.param](options)
        assert engine.name == request.param
        yield engine
        await engine.close()


def request(*texts: str, context: str = "", glossary: dict[str, str] | None = None):
    return TranslationRequest(
        texts=texts,
        source_language="en",
        target_language="es",
        context=context,
        glossary=glossary or {},
    )


async def texts_of(engine: TranslationEngine, wanted: TranslationRequest) -> list[str]:
    return [output.text for output in await engine.translate(wanted)]


async def test_it_translates(engine: TranslationEngine) -> None:
    assert await texts_of(engine, request("the book is new")) == ["el libro es nuevo"]


async def test_several_texts_come_back_in_order_with_blank_ones_as_they_are(
    engine: TranslationEngine,
) -> None:
    wanted = request("the book", "", "good", "  ", "new")
    translated = await texts_of(engine, wanted)
    assert translated[0] == "el libro"
    assert translated[1] == "" and translated[3].strip() == ""
    assert translated[4] == "nuevo"


async def test_confidence_is_measured(engine: TranslationEngine) -> None:
    [known] = await engine.translate(request("the book is new and the room is long"))
    assert known.confidence is not None and 0 < known.confidence <= 1
    assert known.engine == engine.name
    if engine.name != "openai_compatible":  # its dictionary server gives every token the same
        [strange] = await engine.translate(request("the frobnitz is new and the zorgle is long"))
        assert strange.confidence is not None and strange.confidence < known.confidence


async def test_context_changes_the_output(engine: TranslationEngine) -> None:
    [alone] = await texts_of(engine, request("book the room"))
    [within] = await texts_of(engine, request("book the room", context="Good. I want to"))
    assert alone.startswith("libro")
    assert within.startswith("reservar")


async def test_the_glossary_changes_the_output(engine: TranslationEngine) -> None:
    wanted = request("the Book is new", "the room", glossary={"book": "volumen"})
    first, second = await translate_with_glossary(engine, wanted)
    assert first.text == "el volumen es nuevo"
    [plain] = await texts_of(engine, request("the room"))
    assert second.text == plain


async def test_concurrent_calls_get_their_own_answers(engine: TranslationEngine) -> None:
    expected = {"the book": "el libro", "good": "bueno", "new": "nuevo"}
    sent = [text for text in expected for _ in range(4)]
    answers = await asyncio.gather(*(texts_of(engine, request(text)) for text in sent))
    assert [answer for [answer] in answers] == [expected[text] for text in sent]


async def test_pairs_it_has_not_got_are_refused(engine: TranslationEngine) -> None:
    if engine.sources_for("xx") is None:
        assert engine.has_pair("en", "xx")
        return
    assert engine.sources_for("xx") == frozenset()
    assert not engine.has_pair("en", "xx")
    with pytest.raises(UnsupportedLanguage) as error:
        await engine.translate(
            TranslationRequest(texts=("good",), source_language="en", target_language="xx")
        )
    assert error.value.field == "target_language"


async def test_it_says_what_it_can_do(engine: TranslationEngine) -> None:
    status = await engine.status()
    assert status.engine == engine.name
    assert status.available
    assert status.models
    assert status.any_language or any(
        (pair.source, pair.target) == ("en", "es") for pair in status.pairs
    )
    assert engine.has_pair("en", "es")
    sources = engine.sources_for("es")
    assert sources is None or "en" in sources


@pytest.mark.parametrize("name", list(ENGINES))
async def test_without_what_it_needs_it_names_the_remedy(name: str, tmp_path: Path) -> None:
    engine = ENGINES[name](TranslationOptions(apertium_dir=str(tmp_path)))
    status = await engine.status()
    assert not status.available
    assert status.reason and status.remedy
    assert not engine.has_pair("en", "es")
    await engine.close()
