"""The recordings beside the checkout, streamed at real time: `make test-slow`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faster_whisper import WhisperModel

from livetranslate.audio.files import decode_file
from livetranslate.domain.session import SessionConfig
from support.captions import Captions, stream
from support.installation import Installation
from support.scoring import error_rate

SPEECH = Path(__file__).resolve().parents[3] / "shared" / "speech"
AT_ONCE = 4

pytestmark = [
    pytest.mark.shared,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not SPEECH.is_dir(), reason="there are no recordings beside the checkout"),
]


def manifest(folder: str, language: str) -> list[dict[str, Any]]:
    entries = json.loads((SPEECH / folder / "manifest.json").read_text())
    return [
        entry
        for entry in entries
        if entry["language"] == language and not entry["file"].startswith("meeting")
    ]


@pytest.fixture
def installation(
    request: pytest.FixtureRequest, whisper_fixture: Path, tmp_path: Path
) -> Iterator[Installation]:
    model = {"WHISPER_MODEL": str(whisper_fixture)} if request.param == "fixture" else {}
    started = Installation(tmp_path, model)
    yield started.up()
    started.stop()


async def heard(installation: Installation, folder: str, language: str) -> list[Captions]:
    entries = manifest(folder, language)
    found: list[Captions] = []
    for first in range(0, len(entries), AT_ONCE):
        found += await asyncio.gather(
            *(
                stream(
                    installation.websocket,
                    decode_file(SPEECH / folder / entry["file"]),
                    SessionConfig(language=language),
                )
                for entry in entries[first : first + AT_ONCE]
            )
        )
    return found


@pytest.mark.parametrize("installation", ["fixture"], indirect=True)
@pytest.mark.parametrize("language", ["en", "es"])
async def test_live_text_is_as_good_as_offline(
    installation: Installation, whisper_fixture: Path, language: str
):
    model = WhisperModel(str(whisper_fixture), device="cpu", compute_type="int8")
    entries = manifest("synthetic", language)
    texts = [entry["text"] for entry in entries]
    offline: list[str] = []
    for entry in entries:
        audio = decode_file(SPEECH / "synthetic" / entry["file"])
        segments, _ = model.transcribe(audio, language=language, without_timestamps=True)
        offline.append(" ".join(segment.text for segment in segments))
    found = await heard(installation, "synthetic", language)
    live = error_rate(texts, [captions.text for captions in found], language)
    assert live <= error_rate(texts, offline, language) + 0.02
    assert [captions.revised_commitments() for captions in found] == [[]] * len(found)


@pytest.mark.parametrize("installation", ["embedded"], indirect=True)
async def test_people_are_understood_by_the_embedded_engine(installation: Installation):
    found = await heard(installation, "real", "en")
    texts = [entry["text"] for entry in manifest("real", "en")]
    assert {captions.started.config.engine for captions in found} == {"pocketsphinx"}
    assert error_rate(texts, [captions.text for captions in found]) <= 0.45
