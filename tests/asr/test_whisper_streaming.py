"""The production path with the fixture model: live text as good as offline, with true times."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from livetranslate.asr.engine import Samples, WindowRequest
from livetranslate.asr.streaming import StreamingOptions, StreamingRecogniser
from livetranslate.asr.whisper.engine import WhisperEngine, WhisperOptions
from livetranslate.domain.errors import ModelUnavailable
from livetranslate.domain.session import PolicyName, SessionConfig
from livetranslate.domain.speech import Segment, Word
from support.scoring import error_rate, start_differences
from support.sound import noise, tone
from support.speech import WHISPER_FIXTURE, Recording, recordings
from support.told_speech import as_pcm

CHUNK = 1_600
ENGLISH = recordings("en")[::2]
"""Half of them tell what all would, in half the time."""
PROMPT = "We had a meeting about the report last week."


@pytest.fixture(scope="module")
def engine() -> Iterator[WhisperEngine]:
    options = WhisperOptions(cpu_threads=1, min_window_s=1.0)
    made = WhisperEngine("whisper-fixture", WHISPER_FIXTURE, options)
    yield made
    made.close()


def live(
    engine: WhisperEngine, audio: Samples | NDArray[np.int16], config: SessionConfig
) -> list[Segment]:
    """Everything told of audio that comes in chunks of 100 ms."""
    recogniser = StreamingRecogniser(config, engine.capabilities, StreamingOptions())
    told: list[Segment] = []

    def work() -> None:
        while (step := recogniser.next_step()) is not None:
            told.extend(recogniser.apply(step, engine.decode([step.request(config)])[0]))

    pcm = audio if audio.dtype == np.int16 else as_pcm(audio)
    for start in range(0, len(pcm), CHUNK):
        recogniser.accept(pcm[start : start + CHUNK])
        work()
    recogniser.finish()
    work()
    return told


def test_what_is_heard_does_not_depend_on_the_company(engine: WhisperEngine) -> None:
    """A session's text must not change with the sessions whose windows come with its own."""
    cut = [each.audio[: 16_000 + 6_400 * (index % 5)] for index, each in enumerate(ENGLISH)]
    requests = [
        WindowRequest(audio=audio, offset_s=0.0, language="en", prompt=PROMPT if index % 3 else "")
        for index, audio in enumerate(cut)
    ]
    alone = [engine.decode([request])[0].words for request in requests]
    assert any(len(words) > 2 for words in alone)
    together = [found.words for found in engine.decode(requests)]
    for one, other in zip(alone, together, strict=True):
        assert [(w.word, w.start, w.end) for w in one] == [(w.word, w.start, w.end) for w in other]


def final_words(told: list[Segment]) -> list[Word]:
    return [word for segment in told if segment.is_final for word in segment.words]


def text(told: list[Segment]) -> str:
    return " ".join(word.word for word in final_words(told))


@pytest.fixture(scope="module")
def streamed(engine: WhisperEngine) -> dict[PolicyName, list[list[Segment]]]:
    return {
        policy: [
            live(engine, each.audio, SessionConfig(language="en", policy=policy))
            for each in ENGLISH
        ]
        for policy in PolicyName
    }


@pytest.fixture(scope="module")
def offline() -> float:
    """Word error rate of faster-whisper's own transcription with the same model."""
    model = WhisperModel(
        str(WHISPER_FIXTURE),
        device="cpu",
        compute_type="int8",
        cpu_threads=1,
        local_files_only=True,
    )
    found: list[str] = []
    for each in ENGLISH:
        segments, _ = model.transcribe(
            each.audio, language="en", beam_size=5, without_timestamps=True
        )
        found.append(" ".join(segment.text for segment in segments))
    return error_rate([each.text for each in ENGLISH], found)


@pytest.mark.parametrize("policy", list(PolicyName))
def test_live_text_is_as_good_as_offline(
    streamed: dict[PolicyName, list[list[Segment]]], offline: float, policy: PolicyName
) -> None:
    rate = error_rate([each.text for each in ENGLISH], [text(told) for told in streamed[policy]])
    assert rate <= offline + 0.02


@pytest.mark.parametrize("policy", list(PolicyName))
def test_committed_words_never_change(
    streamed: dict[PolicyName, list[list[Segment]]], policy: PolicyName
) -> None:
    early = 0
    for told in streamed[policy]:
        committed: dict[str, list[Word]] = {}
        for segment in told:
            words = [word for word in segment.words if word.committed]
            before = committed.get(segment.segment_id, [])
            assert words[: len(before)] == before
            committed[segment.segment_id] = words
            early += len(words) * (not segment.is_final)
    assert early > 100


def test_words_are_where_they_are_said(streamed: dict[PolicyName, list[list[Segment]]]) -> None:
    misses = [
        miss
        for told, each in zip(streamed[PolicyName.ALIGNATT], ENGLISH, strict=True)
        for miss in start_differences(each, final_words(told))
    ]
    assert len(misses) >= 0.9 * sum(len(each.words) for each in ENGLISH)
    assert float(np.median(misses)) <= 0.2


def test_words_come_in_order_within_their_segments(
    streamed: dict[PolicyName, list[list[Segment]]],
) -> None:
    for told, each in zip(streamed[PolicyName.ALIGNATT], ENGLISH, strict=True):
        before = 0.0
        for segment in told:
            assert all(
                segment.start <= word.start <= word.end <= segment.end for word in segment.words
            )
            if segment.is_final:
                assert before <= segment.start <= segment.end <= each.duration + 0.1
                before = segment.start


@pytest.mark.parametrize("each", recordings("es") + ENGLISH[:4], ids=lambda each: each.file)
def test_the_language_is_found(engine: WhisperEngine, each: Recording) -> None:
    told = live(engine, each.audio, SessionConfig(language="auto"))
    assert {segment.language for segment in told if segment.is_final} == {each.language}
    assert error_rate([each.text], [text(told)], each.language) <= 0.5


def chord(seconds: float) -> Samples:
    """A major chord that swells, as music stands for here."""
    notes = sum(tone(seconds, hz=hz, level=0.15) for hz in (261.6, 329.6, 392.0, 523.3))
    swell = 0.6 + 0.4 * np.sin(np.arange(len(notes)) / 16_000 * 4.0)
    return (notes * swell).astype(np.float32)


SOUNDS = {
    "silence": np.zeros(64_000, np.float32),
    "noise": noise(4.0, level=0.05),
    "loud noise": noise(4.0, level=0.3),
    "music": chord(4.0),
}


@pytest.mark.parametrize("policy", list(PolicyName))
@pytest.mark.parametrize("sound", sorted(SOUNDS))
def test_what_is_no_speech_gives_no_text(
    engine: WhisperEngine, sound: str, policy: PolicyName
) -> None:
    assert live(engine, SOUNDS[sound], SessionConfig(language="en", policy=policy)) == []


def test_silence_gives_no_text_without_voice_activity_either(engine: WhisperEngine) -> None:
    config = SessionConfig(language="en", vad=False)
    assert text(live(engine, SOUNDS["silence"], config)) == ""


def windows() -> list[WindowRequest]:
    """First sentences of different length, with and without prompt, in two languages."""
    found: list[WindowRequest] = []
    for number, each in enumerate([*ENGLISH[:4], *recordings("es")[:1]]):
        end_s = next(word["end"] for word in each.words if word["word"][-1] in ".?")
        found.append(
            WindowRequest(
                audio=each.audio[: int((end_s + 0.3) * 16_000)],
                offset_s=float(number),
                language=None if number % 2 else each.language,
                prompt="" if number % 2 else "We had a meeting about the report last week.",
                final=number == 2,
            )
        )
    return found


def test_a_batch_says_what_its_windows_say_alone(engine: WhisperEngine) -> None:
    requests = windows()
    together = engine.decode(requests)
    for request, found in zip(requests, together, strict=True):
        [alone] = engine.decode([request])
        assert [word.word for word in alone.words] == [word.word for word in found.words]
        assert alone.language == found.language
        times = [(a.start, b.start) for a, b in zip(alone.words, found.words, strict=True)]
        assert all(abs(one - other) <= 0.1 for one, other in times)


def test_prefixes_of_different_length_go_into_one_batch(engine: WhisperEngine) -> None:
    each = ENGLISH[0]
    base = WindowRequest(audio=each.audio, offset_s=0.0, language="en", final=True)
    [whole] = engine.decode([base])
    requests = [
        WindowRequest(
            audio=each.audio, offset_s=0.0, language="en", prefix=whole.words[:count], final=True
        )
        for count in (0, 1, 3, 5)
    ]
    for count, found in zip((0, 1, 3, 5), engine.decode(requests), strict=True):
        rest = [word.word for word in whole.words[count:]]
        assert [word.word for word in found.words] == rest


def test_the_region_of_a_language_makes_no_difference(engine: WhisperEngine) -> None:
    audio = ENGLISH[1].audio
    plain, regional = engine.decode(
        [WindowRequest(audio=audio, offset_s=0.0, language=name) for name in ("en", "en-GB")]
    )
    assert regional.language == "en"
    assert regional.words == plain.words


async def test_a_torn_model_is_refused_with_the_remedy(tmp_path) -> None:
    for file in WHISPER_FIXTURE.iterdir():
        data = await asyncio.to_thread(file.read_bytes)
        (tmp_path / file.name).write_bytes(
            data[: len(data) // 2] if file.suffix == ".bin" else data
        )
    with pytest.raises(ModelUnavailable, match="livetranslate models download torn"):
        WhisperEngine("torn", tmp_path, WhisperOptions(cpu_threads=1))
