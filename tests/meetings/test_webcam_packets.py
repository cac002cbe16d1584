"""The webcam's packets: exactly the fields of the interface, told with all reasons when wrong."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livetranslate.domain.events import SpeakerSource, SpeakerUpdate, TranslationResult
from livetranslate.domain.events import TranscriptionResult as Transcription
from livetranslate.meetings.webcam.conversion import MAX_SEGMENTS, PacketMaker
from livetranslate.meetings.webcam.packets import (
    MAX_NAME,
    MAX_TEXT,
    InvalidPacket,
    decode_packet,
    faults,
)
from support.events import T0, segment
from support.packets import spoken, translated

TRANSCRIPTION_FIELDS = [
    "translated_text",
    "source_language",
    "target_language",
    "speaker_id",
    "speaker_name",
    "translation_confidence",
    "is_original_transcription",
    "timestamp",
]
TRANSLATION_FIELDS = [
    *TRANSCRIPTION_FIELDS[:-1],
    "google_meet_timestamp",
    "internal_timestamp",
]


def translation(number: int, text: str, error: str | None = None) -> TranslationResult:
    return TranslationResult(
        session_id="a",
        timestamp=T0,
        segment_id=f"s{number}",
        translated_text=text,
        source_language="en",
        target_language="es",
        confidence=0.7,
        is_final=True,
        engine="toy",
        error=error,
    )


def test_a_segment_and_its_translation_become_packets_with_exactly_the_fields():
    maker = PacketMaker(meeting_offset_s=100.0)
    (original,) = maker.packets(segment("a", 3, "hello", speaker="anna"))
    (result,) = maker.packets(translation(3, "hola"))

    assert list(json.loads(msgspec.json.encode(original))) == TRANSCRIPTION_FIELDS
    assert list(json.loads(msgspec.json.encode(result))) == TRANSLATION_FIELDS
    assert json.loads(msgspec.json.encode(original)) == {
        "translated_text": "hello",
        "source_language": "en",
        "target_language": "en",
        "speaker_id": "anna",
        "speaker_name": None,
        "translation_confidence": 0.5,
        "is_original_transcription": True,
        "timestamp": 6.0,
    }
    assert (result.internal_timestamp, result.google_meet_timestamp) == (6.0, 106.0)
    assert faults(original) == faults(result) == ()


def test_a_preview_whose_begin_moves_is_still_the_same_utterance():
    maker = PacketMaker()
    first = segment("a", 1, "hello", is_final=False)
    moved = msgspec.structs.replace(first, start=first.start + 0.3, text="hello there")
    assert [maker.packets(event)[0].began_s for event in (first, moved)] == [2.0, 2.0]


def test_a_language_nobody_knows_yet_is_undetermined():
    (packet,) = PacketMaker().packets(segment("a", 1, language=None, confidence=None))
    assert (packet.source_language, packet.translation_confidence) == ("und", None)
    assert faults(packet) == ()


def test_a_failed_translation_and_one_without_its_segment_make_no_packet():
    maker = PacketMaker()
    maker.packets(segment("a", 1))
    assert maker.packets(translation(1, "", error="no engine")) == ()
    assert maker.packets(translation(7, "hola")) == ()
    assert maker.unpaired == 1


def test_a_speaker_known_later_renames_what_was_sent():
    maker = PacketMaker()
    maker.packets(segment("a", 1, "hello"))
    maker.packets(translation(1, "hola"))
    update = SpeakerUpdate(
        session_id="a",
        timestamp=T0,
        speaker_id="p1",
        speaker_name="Ben",
        segment_ids=("s1", "s9"),
        source=SpeakerSource.TRACK,
        confidence=None,
    )
    renamed = maker.packets(update)
    assert [(one.translated_text, one.speaker_id, one.speaker_name) for one in renamed] == [
        ("hello", "p1", "Ben"),
        ("hola", "p1", "Ben"),
    ]


def test_what_is_remembered_is_bounded():
    maker = PacketMaker()
    for number in range(MAX_SEGMENTS + 1):
        maker.packets(segment("a", number))
    assert maker.packets(translation(0, "hola")) == ()
    assert len(maker.packets(translation(1, "hola"))) == 1


def test_a_packet_survives_the_wire():
    for packet in (spoken("hello"), translated("hola")):
        assert decode_packet(msgspec.json.encode(packet)) == packet


def test_every_fault_of_a_packet_is_told():
    wrong = {
        "translated_text": "x" * (MAX_TEXT + 1),
        "source_language": "english please",
        "target_language": "es",
        "speaker_name": "n" * (MAX_NAME + 1),
        "translation_confidence": 1.5,
        "is_original_transcription": True,
        "timestamp": "now",
        "segment_id": "s1",
    }
    with pytest.raises(InvalidPacket) as caught:
        decode_packet(json.dumps(wrong))
    told = [reason.partition(":")[0] for reason in caught.value.reasons]
    assert sorted(told) == [
        "segment_id",
        "source_language",
        "speaker_id",
        "speaker_name",
        "target_language",
        "timestamp",
        "translated_text",
        "translation_confidence",
    ]


@pytest.mark.parametrize(
    "data", ["", "[]", "null", "{}", '{"is_original_transcription": 1}', b"\xff"]
)
def test_what_is_no_packet_is_refused(data: str | bytes):
    with pytest.raises(InvalidPacket):
        decode_packet(data)


def test_moments_before_the_session_and_beyond_numbers_are_refused():
    good = msgspec.to_builtins(translated("hola"))
    with pytest.raises(InvalidPacket) as caught:
        decode_packet(json.dumps(good | {"internal_timestamp": -1, "google_meet_timestamp": -2}))
    assert len(caught.value.reasons) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


SHORT = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SHORT
@given(st.dictionaries(st.sampled_from(sorted({*TRANSCRIPTION_FIELDS, *TRANSLATION_FIELDS})), JSON))
def test_any_object_is_a_packet_or_refused_with_reasons(value: dict[str, object]):
    try:
        packet = decode_packet(json.dumps(value))
    except InvalidPacket as error:
        assert error.reasons
    else:
        assert faults(packet) == ()


@SHORT
@given(st.text(max_size=5000), st.text(max_size=300), st.floats(0, 1), st.floats(-5, 1e6))
def test_every_transcription_makes_a_valid_packet(
    text: str, name: str, confidence: float, start: float
):
    event: Transcription = msgspec.structs.replace(
        segment("a", 1), text=text, speaker_name=name, confidence=confidence, start=start
    )
    (packet,) = PacketMaker().packets(event)
    assert faults(packet) == ()
