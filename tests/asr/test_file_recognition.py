"""Whole files: cut at pauses, decoded in batches, put together without a seam."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.asr.files import FileOptions, Span, find_speech, pack, recognise_file
from livetranslate.asr.loading import EngineLoader
from livetranslate.asr.manager import ManagerOptions, ModelLease, ModelManager
from livetranslate.asr.models.store import ModelStore, StoreOptions
from livetranslate.asr.vad import VadOptions
from livetranslate.asr.whisper.engine import WhisperOptions
from livetranslate.domain.errors import UnsupportedLanguage
from livetranslate.domain.transcription import Transcription
from support.hosting import OneEngine
from support.scoring import error_rate
from support.sound import noise
from support.speech import WHISPER_FIXTURE, recording
from support.told_speech import ToldEngine, ToldSession, real_session

RATE = 16_000


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[ModelManager]:
    made = ModelManager(
        EngineLoader(
            ModelStore(StoreOptions(model_dir=tmp_path, hub_cache=tmp_path)),
            device="cpu",
            whisper=WhisperOptions(cpu_threads=1),
        ),
        ManagerOptions(default_model=str(WHISPER_FIXTURE)),
    )
    yield made
    await made.close()


@pytest.fixture
async def lease(manager: ModelManager) -> AsyncIterator[ModelLease]:
    with await manager.acquire() as found:
        yield found


class Heard:
    def __init__(self) -> None:
        self.shares: list[float] = []

    async def __call__(
        self, audio: np.ndarray, lease: ModelLease, options: FileOptions | None = None
    ) -> Transcription:
        return await recognise_file(
            audio.astype(np.float32),
            lease,
            options or FileOptions(language="en"),
            progress=self.shares.append,
            clock=asyncio.get_running_loop().time,
        )


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.mark.parametrize("language", ["en", "auto"])
async def test_a_meeting_comes_out_whole(heard: Heard, lease: ModelLease, language: str) -> None:
    meeting = recording("meeting_3")
    options = FileOptions(language=language, in_flight=3)
    found = await heard(meeting.audio, lease, options)
    assert error_rate([meeting.text], [found.text]) <= 0.12
    assert found.language == "en"
    assert (found.engine, found.model) == ("faster-whisper", str(WHISPER_FIXTURE))
    assert found.duration == pytest.approx(meeting.duration, abs=0.01)
    assert found.processing_time > 0
    assert found.confidence is not None and 0.5 < found.confidence <= 1.0
    assert len(heard.shares) >= 2
    assert heard.shares == sorted(heard.shares) and heard.shares[-1] == 1.0
    assert found.text == " ".join(segment.text for segment in found.segments)
    before = 0.0
    for segment in found.segments:
        for word in segment.words:
            assert before <= word.start <= word.end <= found.duration
            assert word.committed
            before = word.start
    assert [segment.id for segment in found.segments] == [
        f"seg-{n + 1:05d}" for n in range(len(found.segments))
    ]
    assert len(found.segments) >= 15


@pytest.mark.parametrize("seconds", [0.0, 0.01, 3.0])
@pytest.mark.parametrize("vad", [True, False])
async def test_where_nothing_is_said_there_is_no_text(
    heard: Heard, lease: ModelLease, seconds: float, vad: bool
) -> None:
    silence = np.zeros(int(seconds * RATE), np.float32)
    found = await heard(silence, lease, FileOptions(language="auto", vad=vad))
    assert (found.text, found.segments, found.language, found.confidence) == ("", (), None, None)
    assert found.duration == seconds
    assert heard.shares[-1] == 1.0


async def test_noise_is_no_text(heard: Heard, lease: ModelLease) -> None:
    assert (await heard(noise(5.0, level=0.1), lease)).text == ""


async def test_without_voice_activity_nothing_is_left_out(heard: Heard, lease: ModelLease) -> None:
    spoken = recording("en_03")
    found = await heard(spoken.audio, lease, FileOptions(language="en", vad=False))
    assert error_rate([spoken.text], [found.text]) <= 0.2


async def test_an_unknown_language_is_refused(heard: Heard, lease: ModelLease) -> None:
    with pytest.raises(UnsupportedLanguage, match="'xx'"):
        await heard(recording("en_25").audio, lease, FileOptions(language="xx"))


async def test_an_incremental_engine_does_files_too(manager: ModelManager, heard: Heard) -> None:
    spoken = recording("en_01")
    with await manager.acquire(engine="pocketsphinx") as lease:
        found = await heard(spoken.audio, lease)
    assert found.engine == "pocketsphinx"
    assert error_rate([spoken.text], [found.text]) <= 0.6


@pytest.mark.parametrize("max_window_s", [2.0, 12.0])
async def test_pauses_end_segments_and_cuts_do_not(heard: Heard, max_window_s: float) -> None:
    spoken = real_session("en_25", "en_12", pause_s=12.0)
    words = [msgspec.structs.replace(word, word=word.word.strip(".,")) for word in spoken.words]
    session = ToldSession(spoken.pcm, tuple(words))
    manager = ModelManager(OneEngine(ToldEngine(session)))
    options = FileOptions(language="en", max_window_s=max_window_s)
    with await manager.acquire() as lease:
        found = await heard(session.pcm / np.float32(32_768), lease, options)
    await manager.close()
    first = len(recording("en_25").words)
    assert [segment.text.split()[0] for segment in found.segments] == [
        session.text[0],
        session.text[first],
    ]


@pytest.mark.parametrize(("padded_to_s", "longest_s"), [(0.5, 12.0), (20.0, 20.0), (30.0, 25.0)])
async def test_windows_are_as_long_as_the_model_pads_them_to(
    heard: Heard, padded_to_s: float, longest_s: float
) -> None:
    """But never longer than it decodes well."""
    session = real_session("en_00", "en_01", "en_02", "en_03", "en_25", pause_s=0.7)
    engine = ToldEngine(session, max_window_s=25.0)
    engine.capabilities = msgspec.structs.replace(engine.capabilities, min_window_s=padded_to_s)
    manager = ModelManager(OneEngine(engine))
    with await manager.acquire() as lease:
        await heard(session.pcm / np.float32(32_768), lease)
    await manager.close()
    lengths = [(end - begin) / RATE for begin, end, _ in engine.windows]
    assert longest_s / 2 < max(lengths) <= longest_s
    assert max(lengths) > 12.0 or longest_s == 12.0
    assert sum(lengths) <= len(session.pcm) / RATE


def test_speech_is_found_in_pieces_as_in_one() -> None:
    audio = recording("meeting_3").audio[: 20 * RATE]
    whole = find_speech(audio, VadOptions())
    assert whole == find_speech(audio, VadOptions(), block_s=1.0)
    assert all(0 <= span.start < span.end <= len(audio) for span in whole)
    assert all(one.end <= other.start for one, other in zip(whole, whole[1:], strict=False))


spans = st.lists(st.tuples(st.integers(0, 2 * RATE), st.integers(1, 9 * RATE)), max_size=8).map(
    lambda pairs: [
        Span(start := sum(g + n for g, n in pairs[:i]) + pairs[i][0], start + pairs[i][1])
        for i in range(len(pairs))
    ]
)


@given(spans=spans, longest_s=st.sampled_from([1.0, 2.5, 6.0]))
def test_windows_hold_all_speech_once_and_are_short_enough(
    spans: list[Span], longest_s: float
) -> None:
    longest = int(longest_s * RATE)
    end = spans[-1].end if spans else 0
    audio = np.random.default_rng(0).standard_normal(end).astype(np.float32)
    found = pack(spans, audio, longest)
    assert all(0 < window.end - window.start <= longest for window in found)
    assert all(one.end <= other.start for one, other in zip(found, found[1:], strict=False))
    covered = np.zeros(end, bool)
    for window in found:
        covered[window.start : window.end] = True
    assert all(covered[span.start : span.end].all() for span in spans)


def test_long_speech_is_cut_where_it_is_quiet() -> None:
    audio = np.ones(20 * RATE, np.float32)
    audio[int(7.9 * RATE) : int(8.1 * RATE)] = 0.0
    [first, second] = pack([Span(0, 16 * RATE)], audio, 10 * RATE)
    assert 7.9 * RATE <= first.end <= 8.1 * RATE
    assert second == Span(first.end, 16 * RATE)
