"""CTranslate2: model families, their languages, faults on disk, devices."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from livetranslate.domain.errors import ModelUnavailable, UnsupportedLanguage
from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.engines.base import EngineOutput
from livetranslate.translation.engines.ctranslate2 import CTranslate2Engine
from livetranslate.translation.options import TranslationOptions
from support import toy_translation_models as toys

MakeModel = Callable[[Path], Path]


def engine_of(directory: Path, **options: str) -> CTranslate2Engine:
    return CTranslate2Engine(TranslationOptions(model_dir=str(directory), **options))


async def translate(
    engine: CTranslate2Engine, *texts: str, target: str = "es", context: str = ""
) -> list[EngineOutput]:
    return await engine.translate(
        TranslationRequest(
            texts=texts, source_language="en", target_language=target, context=context
        )
    )


@pytest.mark.parametrize(
    ("make", "name", "pairs", "languages"),
    [
        (toys.make_marian, "opus-mt-en-es", [("en", "es")], ()),
        (toys.make_m2m100, "m2m100", [], ("en", "es")),
        (toys.make_nllb, "nllb", [], ("en", "es")),
        (toys.make_madlad, "madlad", [], ("es", "fr")),
    ],
)
async def test_every_family_is_told_its_languages(
    tmp_path: Path,
    make: MakeModel,
    name: str,
    pairs: list[tuple[str, str]],
    languages: tuple[str, ...],
) -> None:
    make(tmp_path / name)
    engine = engine_of(tmp_path)
    status = await engine.status()
    assert [(pair.source, pair.target) for pair in status.pairs] == pairs
    assert status.languages == languages
    assert status.models == (name,)
    first, second = await translate(engine, "The deadline is Monday", "we need the budget")
    assert first.text == "el plazo es lunes"
    assert second.text == "nosotros necesitamos el presupuesto"
    assert (await engine.status()).device == "cpu"
    await engine.close()


async def test_the_target_language_decides(tmp_path: Path) -> None:
    engine = engine_of(toys.make_madlad(tmp_path / "madlad"))
    [spanish] = await translate(engine, "the meeting is long", target="es")
    [french] = await translate(engine, "the meeting is long", target="fr")
    assert spanish.text == "el encuentro es largo"
    assert french.text.startswith("le réunion est")
    assert "ja" in engine.sources_for("fr")


async def test_context_does_not_dilute_the_confidence(tmp_path: Path) -> None:
    engine = engine_of(toys.make_marian(tmp_path / "opus-mt-en-es"))
    text = "the frobnitz is new"
    [alone] = await translate(engine, text)
    [within] = await translate(engine, text, context="we need the budget and the new room")
    assert within.text == alone.text
    assert alone.confidence is not None
    assert within.confidence == pytest.approx(alone.confidence, abs=0.01)


async def test_a_model_for_the_pair_goes_before_one_of_many(tmp_path: Path) -> None:
    toys.make_madlad(tmp_path / "a-madlad")
    toys.make_marian(tmp_path / "opus-mt-en-es")
    engine = engine_of(tmp_path)
    [output] = await translate(engine, "book the room", context="I want to")
    assert output.text == "reservar el cuarto"  # only the model of the pair knows the cue
    [french] = await translate(engine, "the deadline", target="fr")
    assert french.text == "le délai"


async def test_languages_come_from_the_configuration_or_the_name(tmp_path: Path) -> None:
    model = toys.make_marian(tmp_path / "mine")
    engine = engine_of(tmp_path)
    status = await engine.status()
    assert not status.available
    assert "opus-mt-en-es" in status.reason
    config = (model / "config.json").read_text().rstrip().removesuffix("}")
    told = f'{config}, "source_language": "eng", "target_language": "spa"}}'
    (model / "config.json").write_text(told)
    assert engine_of(tmp_path).has_pair("en", "es")
    shutil.copytree(model, tmp_path / "other" / "opus-mt-eng-cat")
    (tmp_path / "other" / "opus-mt-eng-cat" / "config.json").unlink()
    assert engine_of(tmp_path / "other").has_pair("en", "ca")


async def test_a_model_without_its_tokenizer_names_what_is_missing(tmp_path: Path) -> None:
    model = toys.make_marian(tmp_path / "opus-mt-en-es")
    (model / "target.spm").unlink()
    (model / "source.spm").unlink()
    status = await engine_of(tmp_path).status()
    assert not status.available
    assert "source.spm" in status.reason


async def test_a_broken_model_is_unavailable(tmp_path: Path) -> None:
    model = toys.make_marian(tmp_path / "opus-mt-en-es")
    (model / "model.bin").write_bytes(b"not a model")
    with pytest.raises(ModelUnavailable, match="opus-mt-en-es cannot be loaded"):
        await translate(engine_of(tmp_path), "the book")


async def test_a_gpu_that_fails_leaves_the_cpu_and_says_so(tmp_path: Path) -> None:
    toys.make_marian(tmp_path / "opus-mt-en-es")
    engine = engine_of(tmp_path, device="cuda:9")
    [output] = await translate(engine, "the book is new")
    assert output.text == "el libro es nuevo"
    assert output.note is not None and "runs on the CPU" in output.note
    assert (await engine.status()).device == "cpu"


async def test_a_pair_it_has_not_got(tmp_path: Path) -> None:
    toys.make_marian(tmp_path / "opus-mt-en-es")
    with pytest.raises(UnsupportedLanguage):
        await translate(engine_of(tmp_path), "the book", target="fr")
