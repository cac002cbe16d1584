"""Diarization: who speaks when, the same however the audio comes and whoever goes on with it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from bench.meetings import Meeting, recorded
from livetranslate.speakers.clustering import ClusterOptions, Voices
from livetranslate.speakers.diarizer import Diarizer, DiarizerState, Turn, speaker_between
from livetranslate.speakers.light.embedding import LightEmbedding
from livetranslate.speakers.pieces import CutOptions, cut
from livetranslate.speakers.voices import EmbeddingCapabilities, Metric, likeness
from support.speech import FOLDER

STEP = 6_400


@pytest.fixture(scope="module")
def meeting() -> Meeting:
    return recorded(FOLDER)[0]


def heard(pcm: NDArray[np.int16], chunk: int, *, takeover_at: int | None = None) -> list[Turn]:
    """What a diarizer makes of audio that comes in chunks; another goes on at some step."""
    embedding = LightEmbedding()
    diarizer = Diarizer(embedding)
    given = 0
    for number, end in enumerate(range(STEP, len(pcm) + STEP, STEP)):
        while given < min(end, len(pcm)):
            diarizer.hear(given, pcm[given : given + chunk])
            given += chunk
        if number == takeover_at:
            state = msgspec.msgpack.decode(
                msgspec.msgpack.encode(diarizer.state()), type=DiarizerState
            )
            diarizer = Diarizer(embedding, state=state)
            start = state.looked if state.start is None else state.start
            diarizer.hear(start - 700, pcm[start - 700 : given])
        diarizer.take(diarizer.look(0, min(end, len(pcm)), final=end >= len(pcm)))
    return diarizer.turns()


def test_every_turn_of_a_meeting_has_its_own_speaker(meeting: Meeting) -> None:
    turns = heard(meeting.pcm, 1_600)
    found = [speaker_between(turns, one.start, one.end) for one in meeting.turns]
    assert len({turn.speaker_id for turn in turns}) == 2
    mapping = dict(zip([one.speaker for one in meeting.turns], found, strict=True))
    assert [mapping[one.speaker] for one in meeting.turns] == found


def test_how_the_audio_comes_and_who_goes_on_changes_nothing(meeting: Meeting) -> None:
    pcm = meeting.pcm[: 25 * 16_000]
    whole = heard(pcm, 1_600)
    assert heard(pcm, 160_000) == whole
    for takeover_at in (3, 17, 30, 44):
        assert heard(pcm, 1_600, takeover_at=takeover_at) == whole


def test_what_is_kept_is_bounded() -> None:
    noise = np.random.default_rng(0)
    diarizer = Diarizer(LightEmbedding())
    for number in range(700):
        level = noise.choice([30, 8_000])
        pcm = noise.integers(-level, level, STEP).astype(np.int16)
        diarizer.hear(number * STEP, pcm)
        diarizer.take(diarizer.look(0, (number + 1) * STEP, final=False))
    state = diarizer.state()
    assert len(msgspec.msgpack.encode(state)) < 20_000
    assert state.looked - (state.start or state.looked) <= 3 * 16_000


def test_pieces_are_cut_at_pauses_and_none_is_lost() -> None:
    chance = np.random.default_rng(1)
    speech = chance.integers(-8_000, 8_000, 8_000).astype(np.int16)
    pause = np.zeros(4_800, dtype=np.int16)
    found = cut(np.concatenate([pause, speech, pause, speech]), -40.0, CutOptions(), final=True)
    assert found.pieces == ((4_800, 12_800), (17_600, 25_600))
    long = chance.integers(-8_000, 8_000, 100_000).astype(np.int16)
    pieces = cut(long, -40.0, CutOptions(), final=True).pieces
    assert pieces[0][0] == 0 and pieces[-1][1] == 100_000
    assert all(one[1] == next_one[0] for one, next_one in zip(pieces, pieces[1:], strict=False))
    assert all(end - start <= 32_000 for start, end in pieces)


PLAIN = EmbeddingCapabilities(
    model="plain",
    dimensions=2,
    metric=Metric.COSINE,
    least_s=0.1,
    join=0.8,
    merge=0.95,
    identify=0.9,
    real_voices=False,
)


def at(degrees: float) -> NDArray[np.float32]:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], dtype=np.float32)


def test_two_voices_that_become_alike_are_one_and_the_older_stays() -> None:
    voices = Voices(PLAIN, ClusterOptions())
    first, second = voices.join(at(0), 3.0), voices.join(at(50), 3.0)
    assert (voices.number(first), voices.number(second)) == (0, 1)
    for degrees in (25, 40):
        voices.join(at(degrees), 30.0)
    assert voices.number(second) == 0 == voices.now(1)
    assert [voice.number for voice in voices.speakers()] == [0]


def test_one_odd_piece_is_no_speaker() -> None:
    voices = Voices(PLAIN, ClusterOptions())
    voices.join(at(0), 2.0)
    odd = voices.join(at(90), 1.0)
    assert voices.number(odd) == 0
    for _ in range(3):
        voices.join(at(90), 1.0)
    assert voices.number(odd) == 1


def test_likeness_is_one_for_the_same_voice_and_falls_with_distance() -> None:
    light = LightEmbedding.capabilities
    zero = np.zeros(2, dtype=np.float32)
    away = np.array([light.scale, 0], dtype=np.float32)
    assert likeness(light, zero, zero) == 1.0
    assert likeness(light, zero, away) == pytest.approx(0.5)
    assert likeness(PLAIN, at(0), at(90)) == pytest.approx(0.0, abs=1e-6)
