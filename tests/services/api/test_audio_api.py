"""``POST /api/audio/chunk`` and ``GET /api/sessions/{id}/audio``."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from livetranslate.audio.enhancement.presets import NamedPresets
from livetranslate.audio.files import decode_file
from livetranslate.audio.flac import encode_flac
from livetranslate.services.api.audio import audio_router
from livetranslate.services.chunks import AudioChunks
from livetranslate.services.problems import install
from livetranslate.storage.audio_files import AudioFiles
from livetranslate.storage.database import Database
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate
from support.speech import recording
from support.told_speech import as_pcm

PCM = as_pcm(recording("en_00").audio)


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(DatabaseOptions(url=f"sqlite+aiosqlite:///{tmp_path}/api.db"))
    await migrate(database)
    files = AudioFiles(database, tmp_path / "audio")
    chunks = AudioChunks(
        files, SqlSessionRecords(database), NamedPresets(), max_bytes=10 * 1024 * 1024
    )
    app = FastAPI()
    install(app)
    app.include_router(audio_router(chunks, files))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    await database.close()


async def post(http: httpx.AsyncClient, status: int = 200, /, **fields: str) -> dict:
    file = {"audio": ("a.flac", encode_flac(PCM), "audio/flac")}
    response = await http.post("/api/audio/chunk", data=fields, files=file)
    assert response.status_code == status, response.text
    return response.json()


async def wav(http: httpx.AsyncClient, session_id: str) -> np.ndarray:
    response = await http.get(f"/api/sessions/{session_id}/audio")
    assert response.status_code == 200, response.text
    with wave.open(io.BytesIO(response.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


async def test_audio_comes_back_in_overlapping_chunks_that_are_stored(http: httpx.AsyncClient):
    config = json.dumps({"chunk_duration": 2.0, "overlap_duration": 0.5, "pause_search": 0.5})
    answer = await post(http, config=config)
    chunks, session_id = answer["chunks"], answer["session_id"]
    assert len(chunks) >= 3
    for before, chunk in zip(chunks, chunks[1:], strict=False):
        assert chunk["overlap"] == 0.5
        assert chunk["start"] == pytest.approx(before["end"] - 0.5, abs=1e-4)
    assert chunks[-1]["end"] == pytest.approx(len(PCM) / 16_000, abs=1e-4)
    assert all(0 < chunk["quality"]["score"] <= 1 for chunk in chunks)
    listed = (await http.get(f"/api/sessions/{session_id}/audio", params={"format": "json"})).json()
    assert listed["chunks"] == chunks
    part = await http.get(f"/api/sessions/{session_id}/audio/{chunks[1]['chunk_id']}")
    assert part.headers["content-type"] == "audio/flac"
    begin, end = (round(16_000 * chunks[1][name]) for name in ("start", "end"))
    assert np.array_equal(as_pcm(decode_file(part.content)), PCM[begin:end])
    assert np.array_equal(await wav(http, session_id), PCM)


async def test_more_audio_goes_behind_what_was_cut_or_where_it_is_said(http: httpx.AsyncClient):
    first = await post(http, session_id="s1")
    second = await post(http, session_id="s1")
    length = len(PCM) / 16_000
    assert first["chunks"][0]["start"] == 0.0
    assert second["chunks"][0]["start"] == pytest.approx(length, abs=1e-4)
    await post(http, session_id="s1", chunk_start_time="20")
    heard = await wav(http, "s1")
    assert np.array_equal(heard[: 2 * len(PCM)], np.concatenate((PCM, PCM)))
    assert not heard[2 * len(PCM) : 320_000].any()
    assert np.array_equal(heard[320_000:], PCM)


async def test_what_is_wrong_is_told_all_at_once(http: httpx.AsyncClient):
    config = json.dumps({"chunk_duration": 100.0, "overlap_duration": 200.0})
    detail = (await post(http, 400, config=config))["detail"]
    assert "chunk_duration" in detail and "0 to 30 s" in detail and "must be shorter" in detail
    assert "telephony" in (await post(http, 400, preset="loud"))["detail"]
    assert "chunk_start_time" in (await post(http, 400, chunk_start_time="-1"))["detail"]
    assert "chunks" in (await post(http, 400, config='{"chunks": 1}'))["detail"]


async def test_a_session_without_audio_says_so(http: httpx.AsyncClient):
    response = await http.get("/api/sessions/none/audio")
    assert response.status_code == 404
