"""What every speech engine promises, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from livetranslate.asr.engine import Samples, SpeechEngine, WindowRequest
from livetranslate.asr.guards import GuardOptions, guarded
from livetranslate.asr.pocketsphinx import PocketSphinxEngine
from livetranslate.asr.scripted import ScriptedEngine
from livetranslate.asr.whisper.engine import WhisperEngine, WhisperOptions
from livetranslate.domain.errors import LiveTranslateError, UnsupportedLanguage
from livetranslate.domain.session import Task
from livetranslate.domain.speech import Hypothesis, Word
from support.sound import noise, tone
from support.speech import WHISPER_FIXTURE, recording


def whisper() -> WhisperEngine:
    options = WhisperOptions(cpu_threads=1, min_window_s=1.0)
    return WhisperEngine(WHISPER_FIXTURE.name, WHISPER_FIXTURE, options)


ENGINES: dict[str, Callable[[], SpeechEngine]] = {
    "pocketsphinx": PocketSphinxEngine,
    "faster-whisper": whisper,
    "scripted": ScriptedEngine,
}
CHUNK = 3_200


@pytest.fixture(scope="module", params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[SpeechEngine]:
    made = ENGINES[request.param]()
    yield made
    made.close()


def hear(engine: SpeechEngine, audio: Samples, *, offset_s: float = 0.0) -> Hypothesis:
    """What an engine makes of audio in the way that live sessions use it."""
    if not engine.capabilities.incremental:
        return window(engine, audio, offset_s=offset_s)
    stream = engine.open_stream(offset_s=offset_s, language="en")
    for start in range(0, len(audio), CHUNK):
        stream.accept(audio[start : start + CHUNK])
        stream.hypothesis()
    return stream.hypothesis(final=True)


def window(
    engine: SpeechEngine, audio: Samples, *, offset_s: float = 0.0, prefix: tuple[Word, ...] = ()
) -> Hypothesis:
    request = WindowRequest(
        audio=audio, offset_s=offset_s, language="en", prefix=prefix, final=True
    )
    return engine.decode([request])[0]


def words(found: Hypothesis) -> list[str]:
    return [word.word.lower().strip(".,?!") for word in found.words]


def test_the_engine_says_what_it_is(engine: SpeechEngine) -> None:
    assert isinstance(engine, SpeechEngine)
    info, can = engine.info, engine.capabilities
    assert info.engine in ENGINES
    assert info.model and info.device in ("cpu", "cuda") and info.memory_bytes > 0
    assert "en" in can.languages
    assert can.max_batch >= 1
    assert 0 <= can.min_window_s < can.max_window_s


def test_it_hears_what_is_said(engine: SpeechEngine) -> None:
    if not engine.capabilities.recognises:
        pytest.skip("the engine recognises nothing")
    spoken = recording("en_01")
    expected = {word["word"].lower().strip(".,?!") for word in spoken.words}
    found = words(hear(engine, spoken.audio))
    assert len(expected & set(found)) >= 0.65 * len(expected)
    assert words(window(engine, spoken.audio)) == found


def test_words_come_in_order_within_the_audio(engine: SpeechEngine) -> None:
    spoken = recording("en_11")
    found = hear(engine, spoken.audio, offset_s=100.0)
    assert found.language == "en"
    assert found.words
    before = 100.0
    for word in found.words:
        assert before <= word.start <= word.end <= 100.0 + spoken.duration + 0.1
        before = word.start
        assert word.word == word.word.strip() != ""
        assert word.confidence is None or 0 <= word.confidence <= 1


def test_word_times_are_true(engine: SpeechEngine) -> None:
    if not (engine.capabilities.word_times and engine.capabilities.recognises):
        pytest.skip("the engine has no times of spoken words")
    spoken = recording("en_03")
    found = hear(engine, spoken.audio)
    misses: list[float] = []
    for said in spoken.words:
        text = said["word"].lower().strip(".,?!")
        starts = [w.start for w in found.words if w.word.lower().strip(".,?!") == text]
        if starts:
            misses.append(min(abs(start - said["start"]) for start in starts))
    assert len(misses) >= 5
    assert float(np.median(misses)) < 0.2


def test_confidence_falls_with_noise(engine: SpeechEngine) -> None:
    audio = recording("en_25").audio
    hiss = noise(len(audio) / 16_000, level=0.01)
    clean = [word.confidence for word in hear(engine, audio).words]
    noisy = [word.confidence for word in hear(engine, audio + hiss).words]
    if None in clean:
        pytest.skip("the engine measures no confidence")
    assert len(set(clean)) > 3
    assert np.mean([value or 0.0 for value in noisy]) < np.mean([value or 0.0 for value in clean])


@pytest.mark.parametrize("seconds", [0.0, 0.004, 0.3, 3.0])
def test_silence_has_no_words_that_the_guards_would_believe(
    engine: SpeechEngine, seconds: float
) -> None:
    silence = np.zeros(round(seconds * 16_000), np.float32)
    for found in (hear(engine, silence), window(engine, silence)):
        kept = guarded(found, GuardOptions(), final=True, has_speech=lambda _start, _end: True)
        assert kept.words == ()


def test_only_what_follows_the_prefix_comes_back(engine: SpeechEngine) -> None:
    spoken = recording("en_01")
    everything = window(engine, spoken.audio).words
    prefix = everything[:4]
    rest = window(engine, spoken.audio, prefix=prefix).words
    assert rest
    assert all((word.start + word.end) / 2 > prefix[-1].end for word in rest)
    assert (
        words(Hypothesis(words=rest, language="en"))[-3:]
        == words(Hypothesis(words=everything, language="en"))[-3:]
    )


def test_unknown_languages_are_refused_with_what_there_is(engine: SpeechEngine) -> None:
    with pytest.raises(UnsupportedLanguage) as refused:
        if engine.capabilities.incremental:
            engine.open_stream(offset_s=0, language="xx")
        else:
            engine.decode([WindowRequest(audio=tone(1.0), offset_s=0, language="xx")])
    assert refused.value.available == engine.capabilities.languages
    assert refused.value.field == "language"


def test_it_translates_only_if_it_says_so(engine: SpeechEngine) -> None:
    request = WindowRequest(audio=tone(0.5), offset_s=0, language="en", task=Task.TRANSLATE)
    if engine.capabilities.translates:
        engine.decode([request])
    else:
        with pytest.raises(LiveTranslateError, match="translate"):
            engine.decode([request])


def test_threads_do_not_mix_their_utterances(engine: SpeechEngine) -> None:
    spoken = [recording(name).audio[: 16_000 * 2] for name in ("en_01", "en_03", "en_25")]
    alone = [words(hear(engine, audio)) for audio in spoken]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda audio: words(hear(engine, audio)), spoken))
    assert together == alone
    assert len({tuple(found) for found in alone}) == 3


def test_the_same_audio_gives_the_same_words_whatever_came_before(engine: SpeechEngine) -> None:
    audio = recording("en_25").audio
    first = hear(engine, audio)
    hear(engine, 0.05 * recording("en_11").audio)
    assert hear(engine, audio) == first
