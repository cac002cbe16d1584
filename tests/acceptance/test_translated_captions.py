"""Translated captions over real processes, by each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livetranslate.domain.session import SessionConfig
from support.captions import stream
from support.installation import Installation
from support.openai_server import openai_server
from support.speech import recording
from support.toy_translation_models import make_marian

CONFIG = SessionConfig(language="en", target_languages=("es",))
Start = Callable[..., Installation]


@pytest.fixture
def start(whisper_fixture: Path, tmp_path: Path) -> Iterator[Start]:
    started: list[Installation] = []

    def begin(**environment: str) -> Installation:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        new = Installation(folder, {"WHISPER_MODEL": str(whisper_fixture), **environment})
        started.append(new)
        return new.up()

    yield begin
    for each in started:
        each.stop()


EXPECTED = {
    "en_00": [("martes",), ("veinte", "pollo")],
    "en_01": [("firmar", "miércoles"), ("sí",)],
    "en_02": [("acuerdo", "resumen"), ("cuestiones", "informe")],
    "en_04": [("puede",), ("tarde",), ("reunión", "jueves")],
    "en_05": [("uno", "cuatro", "nueve"), ("cambiar", "ocho")],
    "en_11": [("septiembre", "cocina"), ("dólares",)],
    "en_12": [("seis", "cajas", "negros")],
    "en_20": [
        ("setenta", "dólares"),
        ("jueves", "biblioteca"),
        ("prepararemos",),
        ("hablando",),
        ("jueves", "vuelo"),
    ],
    "en_22": [("necesita", "días")],
    "en_25": [("reunión", "tres")],
}
"""Words that the translation of each sentence of a recording has, by recording: 21 sentences."""


async def test_apertium_with_nothing_downloaded(start: Start):
    platform = start()
    for prefix, expected in EXPECTED.items():
        captions = await stream(
            platform.websocket, recording(prefix).audio, CONFIG, real_time=False
        )
        translations = captions.translations("es")
        assert [each.segment_id for each in translations] == [
            final.segment_id for final in captions.finals
        ]
        assert {each.engine for each in translations} == {"apertium"}
        text = " ".join(each.translated_text for each in translations).lower()
        for words in expected:
            for word in words:
                assert word in text, f"{word!r} is missing in {text!r}"


async def test_a_ctranslate2_model_of_our_own_making(start: Start, tmp_path: Path):
    models = tmp_path / "models"
    directory = models / "translation" / "opus-mt-en-es"
    directory.parent.mkdir(parents=True)
    make_marian(directory)
    platform = start(MODEL_DIR=str(models))
    captions = await stream(platform.websocket, recording("en_25").audio, CONFIG, real_time=False)
    [translation] = captions.translations("es")
    assert translation.engine == "ctranslate2"
    assert "encuentro" in translation.translated_text
    assert translation.confidence is not None and 0 < translation.confidence <= 1


async def test_a_local_openai_compatible_server(start: Start):
    async with openai_server() as server:
        platform = start(OPENAI_BASE_URL=server.url)
        captions = await stream(
            platform.websocket, recording("en_25").audio, CONFIG, real_time=False
        )
        [translation] = captions.translations("es")
        assert translation.engine == "openai_compatible"
        assert "encuentro" in translation.translated_text

        server.mode = "error"
        config = SessionConfig(language="en", target_languages=("es",), context="logistics")
        captions = await stream(
            platform.websocket, recording("en_22").audio, config, real_time=False
        )
        [translation] = captions.translations("es")
        assert translation.engine == "apertium"
        assert translation.translated_text
