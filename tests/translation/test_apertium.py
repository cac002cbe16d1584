"""Apertium as it is installed: sentences, strange characters, dead and stuck pipelines."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.engines import apertium_text
from livetranslate.translation.engines.apertium import ApertiumEngine
from livetranslate.translation.engines.base import EngineOutput
from livetranslate.translation.options import TranslationOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENTENCES = [
    ("We need to sign the website before Wednesday.", ["necesitamos", "firmar", "sitio"]),
    ("Yes, I can hear you.", ["sí", "oír"]),
    ("Are there any questions about the design report?", ["informe", "diseño"]),
    ("The deadline for the proposal is Monday.", ["fecha límite", "propuesta", "lunes"]),
    ("That's correct, thirty books.", ["correcto", "treinta", "libros"]),
    ("The next meeting is on Thursday at a quarter to eight.", ["reunión", "jueves", "ocho"]),
    ("One four four nine.", ["uno", "cuatro", "nueve"]),
    ("I want to change my order to twenty eight lamps.", ["quiero", "cambiar", "lámparas"]),
    ("Who will print the invoice?", ["imprimirá", "factura"]),
    ("Good morning everyone, let's get started.", ["buenos días"]),
    ("I think the document is important.", ["pienso", "documento", "importante"]),
    ("In September we will open a new kitchen in London.", ["septiembre", "cocina", "londres"]),
    ("The green lamp is seventeen dollars.", ["lámpara verde", "diecisiete", "dólares"]),
    ("About six percent of the boxes are black.", ["seis por ciento", "cajas", "negr"]),
    ("The warehouse opens at nine o'clock.", ["almacén", "abre", "nueve"]),
    ("Sarah and Michael will review the proposal on Wednesday.", ["sarah", "propuesta"]),
    ("Fifty chairs and seventeen phones.", ["cincuenta sillas", "diecisiete teléfonos"]),
    ("My name is Susan Taylor.", ["mi nombre es susan taylor."]),
    ("On Thursday the library is closed.", ["jueves", "biblioteca", "cerrada"]),
    ("The agenda costs seventy dollars.", ["cuesta", "setenta dólares"]),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine() -> AsyncIterator[ApertiumEngine]:
    engine = ApertiumEngine(TranslationOptions())
    yield engine
    await engine.close()


async def one(engine: ApertiumEngine, text: str, pair: str = "en-es", **more: str) -> EngineOutput:
    source, target = pair.split("-", 1)
    [output] = await engine.translate(
        TranslationRequest(texts=(text,), source_language=source, target_language=target, **more)
    )
    return output


@pytest.mark.parametrize(("text", "words"), SENTENCES)
async def test_sentences_of_meetings_and_orders(
    engine: ApertiumEngine, text: str, words: list[str]
) -> None:
    output = await one(engine, text)
    for word in words:
        assert word in output.text.lower()
    assert output.text[-1] == text[-1]
    assert output.text[0].isupper()
    assert "  " not in output.text and " ." not in output.text
    assert output.engine == "apertium"


@pytest.mark.parametrize(
    ("pair", "text", "word"),
    [
        ("fr-es", "La réunion est mardi.", "reunión"),
        ("es-pt", "La reunión es larga.", "reunião"),
        ("es-it", "La casa es grande.", "casa"),
        ("en-ca", "The house is big.", "casa"),
        ("eo-en", "La domo estas granda.", "house"),
        ("spa-por", "La reunión es larga.", "reunião"),
    ],
)
async def test_other_pairs(engine: ApertiumEngine, pair: str, text: str, word: str) -> None:
    assert word in (await one(engine, text, pair)).text


async def test_two_pairs_in_a_row_are_named(engine: ApertiumEngine) -> None:
    output = await one(engine, "La maison est grande.", "fr-it")
    assert "casa" in output.text
    assert output.engine.startswith("apertium fr-") and output.engine.endswith("-it")
    status = await engine.status()
    assert any((pair.source, pair.target) == ("fr", "it") for pair in status.pairs)


async def test_unknown_words_lose_their_mark_and_lower_the_confidence(
    engine: ApertiumEngine,
) -> None:
    output = await one(engine, "The frobnitz is a zorgle.")
    assert "*" not in output.text
    assert "frobnitz" in output.text and "zorgle" in output.text
    assert output.confidence == pytest.approx(3 / 5)
    assert (await one(engine, "The house is big.")).confidence == 1.0
    assert (await one(engine, "12 + 7.")).confidence is None


async def test_special_characters_survive(engine: ApertiumEngine) -> None:
    text = "house [x] ^y$ a/b \\ @me <b> {d} *star* #1 ~t~ \0 end.\n\nHouse"
    output = await one(engine, text)
    assert [c for c in output.text if c in "[]^$/\\@<>{}*#~\0\n"] == [
        c for c in text if c in "[]^$/\\@<>{}*#~\0\n"
    ]
    assert output.text.startswith("casa [x] ^y$ ") and output.text.endswith("\n\nCasa")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab1 .,\n\t[]^$/\\@<>{}*#~+=\0\u2028é字🙂", min_size=1, max_size=30))
def test_the_stream_format_keeps_every_text(text: str) -> None:
    stream = apertium_text.encode(text)
    assert not set(stream) & set("^$/\\@<>{}*#~+=\0\n")
    sealed = apertium_text.seal(stream)
    assert apertium_text.decode(apertium_text.unseal(sealed, stream)).text == text


@pytest.mark.parametrize(
    "text",
    ["$^$^[[[", "]]]\\", "\\[\\]", "a" * 500, "[border] [5b] []", "…", ".", "\ud800 x", "字"],
)
async def test_no_text_breaks_the_pipeline(engine: ApertiumEngine, text: str) -> None:
    await one(engine, text)
    assert (await one(engine, "The house is big.")).text == "La casa es grande."


async def test_case_is_kept(engine: ApertiumEngine) -> None:
    assert (await one(engine, "house")).text == "casa"
    assert (await one(engine, "House")).text == "Casa"
    assert (await one(engine, "HOUSE")).text == "CASA"
    assert (await one(engine, "  house ")).text == "  casa "


async def test_context_that_is_a_whole_sentence_changes_nothing(engine: ApertiumEngine) -> None:
    alone = await one(engine, "book the room.")
    assert (await one(engine, "book the room.", context="We want to go home.")).text == alone.text


async def test_one_process_serves_many_requests(engine: ApertiumEngine) -> None:
    await one(engine, "The house.")
    before = engine.process_ids()
    for number in range(20):
        assert f"{number}" in (await one(engine, f"The house {number}.")).text
    assert engine.process_ids() == before


async def test_a_killed_pipeline_is_started_again(engine: ApertiumEngine) -> None:
    await one(engine, "The house.")
    before = set(engine.process_ids())
    for group in before:
        os.killpg(group, signal.SIGKILL)
    assert (await one(engine, "The house is big.")).text == "La casa es grande."
    assert not before & set(engine.process_ids())


async def test_a_stage_killed_between_requests_is_noticed(engine: ApertiumEngine) -> None:
    await one(engine, "The house.")
    [stage, *_] = _stages(engine.process_ids()[0])
    os.kill(stage, signal.SIGKILL)
    assert (await one(engine, "The house is big.")).text == "La casa es grande."


async def test_an_answer_that_takes_too_long_is_an_error() -> None:
    quick = ApertiumEngine(TranslationOptions(apertium_timeout_s=0.001))
    with pytest.raises(BackendUnavailable, match="did not answer in 0.001 s"):
        await one(quick, "The house.")
    assert quick.process_ids() == []
    await quick.close()


async def test_a_stuck_pipeline_is_killed_and_replaced(engine: ApertiumEngine) -> None:
    await one(engine, "The house.")
    [stuck, *_] = engine.process_ids()
    os.killpg(stuck, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await one(engine, "The house is big.")
    await _gone(stuck)
    assert (await one(engine, "The house is big.")).text == "La casa es grande."


async def test_a_cancelled_request_leaves_no_answer_behind(engine: ApertiumEngine) -> None:
    await one(engine, "The house.")
    task = asyncio.create_task(one(engine, "The big green dog. " * 50))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await one(engine, "The house is big.")).text == "La casa es grande."


async def test_no_process_outlives_its_owner() -> None:
    program = (
        "import asyncio, sys\n"
        "from livetranslate.translation.base import TranslationRequest\n"
        "from livetranslate.translation.engines.apertium import ApertiumEngine\n"
        "from livetranslate.translation.options import TranslationOptions\n"
        "async def main():\n"
        "    engine = ApertiumEngine(TranslationOptions())\n"
        "    await engine.translate(TranslationRequest(texts=('house',), source_language='en',"
        " target_language='es'))\n"
        "    print(engine.process_ids()[0], flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    group = int(await owner.stdout.readline())
    assert _stages(group)
    owner.kill()
    await owner.wait()
    await _gone(group)


async def _gone(group: int) -> None:
    """Return once no process of a group lives."""
    async with asyncio.timeout(10):
        while _stages(group):  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.02)


def _stages(group: int) -> list[int]:
    """Return the living processes of a group."""
    found: list[int] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found
