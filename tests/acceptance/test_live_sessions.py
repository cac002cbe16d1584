"""Live sessions over real processes: text, times, isolation, resumption, faults.

All of it with the platform in one process, and with one process a role what differs there: that
sessions are forwarded, many at once, with their translations, their refusals and their faults.
"""

from __future__ import annotations

import asyncio
import statistics

import numpy as np
import pytest
from faster_whisper import WhisperModel

from livetranslate.domain.errors import InvalidInput, LiveTranslateError
from livetranslate.domain.session import EndReason, PolicyName, SessionConfig
from support.captions import Captions, stream
from support.cuttable_proxy import CuttableProxy
from support.installation import Installation
from support.scoring import error_rate, normalised, start_differences
from support.sound import noise, tone
from support.speech import Recording, recording, recordings

SILENCE = np.zeros(8_000, dtype=np.float32)

in_one_and_apart = pytest.mark.parametrize(
    "installation", ["up", "apart"], indirect=True, scope="module"
)


@pytest.fixture(scope="module")
def offline_error_rate(whisper_fixture) -> float:
    """What the same model makes of the same recordings, each as a whole."""
    model = WhisperModel(str(whisper_fixture), device="cpu", compute_type="int8")
    texts: list[str] = []
    for each in recordings("en"):
        segments, _ = model.transcribe(each.audio, language="en", without_timestamps=True)
        texts.append(" ".join(segment.text for segment in segments))
    return error_rate([each.text for each in recordings("en")], texts)


async def test_text_and_times_at_real_time(installation: Installation, offline_error_rate):
    spoken = recordings("en")
    heard = await asyncio.gather(*(stream(installation.websocket, each.audio) for each in spoken))
    rate = error_rate([each.text for each in spoken], [captions.text for captions in heard])
    assert rate <= offline_error_rate + 0.02
    assert [captions.revised_commitments() for captions in heard] == [[]] * len(heard)
    off = [
        difference
        for each, captions in zip(spoken, heard, strict=True)
        for difference in start_differences(each, captions.words)
    ]
    assert statistics.median(off) <= 0.2
    assert all(captions.ended.reason is EndReason.CLIENT_ENDED for captions in heard)
    assert all(captions.started.config.engine == "faster-whisper" for captions in heard)


def joined(*parts: Recording) -> tuple[str, np.ndarray]:
    audio = np.concatenate([piece for part in parts for piece in (part.audio, SILENCE)])
    return " ".join(part.text for part in parts), audio


@in_one_and_apart
async def test_twenty_sessions_at_once_each_get_their_own_text(installation: Installation):
    single = recordings("en") + recordings("es")
    spoken = [joined(each) for each in single]
    spoken += [joined(single[i], single[i + 1]) for i in range(0, 2 * (20 - len(single)), 2)]
    assert len({text for text, _ in spoken}) == 20
    heard = await asyncio.gather(*(stream(installation.websocket, audio) for _, audio in spoken))
    for index, captions in enumerate(heard):
        rates = [error_rate([text], [captions.text]) for text, _ in spoken]
        assert min(range(20), key=rates.__getitem__) == index, captions.text
        assert captions.revised_commitments() == []
    average = error_rate([text for text, _ in spoken], [captions.text for captions in heard])
    assert average < 0.2


async def test_a_session_cut_off_mid_way_ends_with_the_same_text(installation: Installation):
    spoken = recording("en_20")
    port = int(installation.url.rpartition(":")[2])
    undisturbed = await stream(installation.websocket, spoken.audio, real_time=False)

    with CuttableProxy(port) as proxy:

        async def cut_and_mend() -> None:
            for at in (3.0, 4.0):
                await asyncio.sleep(at)
                proxy.cut()
                await asyncio.sleep(1.0)
                proxy.away = False

        cutting = asyncio.create_task(cut_and_mend())
        captions = await stream(f"ws://127.0.0.1:{proxy.port}/ws", spoken.audio)
        await cutting
    assert captions.reconnects >= 2
    assert normalised(captions.text) == normalised(undisturbed.text)
    assert captions.ended.statistics.audio_s == undisturbed.ended.statistics.audio_s
    assert captions.revised_commitments() == []


@in_one_and_apart
async def test_what_was_said_is_kept_and_read_back(installation: Installation):
    config = SessionConfig(language="en", target_languages=("es",), metadata={"title": "Sales"})
    captions = await stream(installation.websocket, recording("en_22").audio, config)
    session_id = captions.ended.session_id
    row = await installation.fetch_until(
        f"/api/sessions/{session_id}", lambda found: found["status"] != "active"
    )
    assert row["status"] == "completed"
    transcript = await installation.fetch(f"/api/sessions/{session_id}/transcript?format=json")
    kept = transcript["segments"]
    assert [segment["text"] for segment in kept] == [final.text for final in captions.finals]
    written = [segment["translations"] for segment in kept]
    assert [translation.translated_text for translation in captions.translations("es")] == [
        each["es"]["translated_text"] for each in written
    ]


@pytest.mark.parametrize("policy", list(PolicyName))
async def test_policies_and_languages_are_as_asked(installation: Installation, policy: PolicyName):
    config = SessionConfig(policy=policy)
    captions = await stream(
        installation.websocket, recording("es_36").audio, config, real_time=False
    )
    assert captions.started.config.policy is policy
    assert {final.language for final in captions.finals} == {"es"}
    assert error_rate([recording("es_36").text], [captions.text], "es") < 0.35


def chord(seconds: float) -> np.ndarray:
    parts = [tone(seconds, hz=hz, level=0.1) for hz in (220.0, 277.2, 329.6, 440.0)]
    return np.sum(parts, axis=0).astype(np.float32)


@pytest.mark.parametrize(
    "sound",
    [np.zeros(96_000, dtype=np.float32), noise(6.0, level=0.05), chord(6.0)],
    ids=["silence", "noise", "music"],
)
async def test_nobody_speaks_and_nothing_is_written(installation: Installation, sound):
    captions = await stream(installation.websocket, sound, real_time=False)
    assert captions.text == ""
    assert captions.ended.statistics.words == 0


@in_one_and_apart
@pytest.mark.parametrize(
    ("config", "field", "word"),
    [
        (SessionConfig(language="xx"), "config.language", "faster-whisper"),
        (SessionConfig(model="no-such-model"), "config.model", "livetranslate models download"),
        (SessionConfig(engine="no-such-engine"), "config.engine", "pocketsphinx"),
    ],
    ids=["language", "model", "engine"],
)
async def test_what_cannot_be_done_is_said_and_harms_nobody(
    installation: Installation, config: SessionConfig, field: str, word: str
):
    speech = recording("en_12").audio

    async def refused() -> Captions | LiveTranslateError:
        try:
            return await stream(installation.websocket, speech, config, real_time=False)
        except LiveTranslateError as error:
            return error

    answer, captions = await asyncio.gather(
        refused(), stream(installation.websocket, speech, real_time=False)
    )
    error = answer.errors[-1] if isinstance(answer, Captions) else answer
    assert error.field == field
    assert word in error.message
    assert normalised(captions.text) == normalised(recording("en_12").text)


async def test_a_wrong_sample_rate_is_refused_by_name(installation: Installation):
    with pytest.raises(InvalidInput) as refusal:
        await stream(installation.websocket, SILENCE, SessionConfig(sample_rate=1_000))
    assert refusal.value.field == "config.sample_rate"
