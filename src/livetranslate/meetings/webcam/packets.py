"""The packets that reach the virtual webcam, and how the session's events become them.

A packet names its utterance by when it began: the ``timestamp`` of a transcription and the
``internal_timestamp`` of its translation are the same number. A later packet with that number is
the newer text of the same utterance; an empty text takes back what was shown.
"""

from __future__ import annotations

import math
import re
from typing import Any, ClassVar, Literal, cast

import msgspec

from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.events import TranscriptionResult, TranslationResult

MAX_TEXT = 4_000
"""Characters of a text that are worth sending; a subtitle shows the last few lines of it."""
MAX_NAME = 200
UNKNOWN_LANGUAGE = "und"
"""ISO 639 code of a language that nobody has determined yet."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


class TranscriptionPacket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What someone says, in the language spoken.

    Attributes:
        translated_text: The text as spoken; the name is the one of the shared wire format.
        source_language: BCP 47 tag, ``und`` while unknown.
        target_language: The same.
        speaker_id: Who speaks, or None while unknown.
        speaker_name: The name to show, or None.
        translation_confidence: Confidence of the recognition 0-1, or None if not measured.
        is_original_transcription: Always true.
        timestamp: Begin of the utterance, seconds from the session's first sample.
    """

    translated_text: str
    source_language: str
    target_language: str
    speaker_id: str | None
    speaker_name: str | None
    translation_confidence: float | None
    is_original_transcription: Literal[True]
    timestamp: float

    @property
    def began_s(self) -> float:
        """Begin of the utterance, seconds from the session's first sample."""
        return self.timestamp


class TranslationPacket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The translation of an utterance.

    Attributes:
        translated_text: The translation.
        source_language: BCP 47 tag, ``und`` while unknown.
        target_language: BCP 47 tag.
        speaker_id: Who speaks, or None while unknown.
        speaker_name: The name to show, or None.
        translation_confidence: Confidence of the translation 0-1, or None if not measured.
        is_original_transcription: Always false.
        google_meet_timestamp: Begin of the utterance in seconds of the meeting's own time, or None
            where it is not correlated.
        internal_timestamp: Begin of the utterance, seconds from the session's first sample.
    """

    translated_text: str
    source_language: str
    target_language: str
    speaker_id: str | None
    speaker_name: str | None
    translation_confidence: float | None
    is_original_transcription: Literal[False]
    google_meet_timestamp: float | None
    internal_timestamp: float

    @property
    def began_s(self) -> float:
        """Begin of the utterance, seconds from the session's first sample."""
        return self.internal_timestamp


Packet = TranscriptionPacket | TranslationPacket


class InvalidPacket(InvalidInput):
    """A packet that is not as section 7 of the interfaces has it.

    Attributes:
        reasons: All that is wrong with it.
    """

    code: ClassVar[str] = "invalid_packet"

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("the packet is not valid: " + "; ".join(reasons))
        self.reasons = reasons


def transcription_packet(event: TranscriptionResult, *, began_s: float) -> TranscriptionPacket:
    """Return the packet of a transcription.

    Args:
        event: The present text of the segment.
        began_s: Names the utterance; stays when a later preview moves the segment's begin.
    """
    language = event.language or UNKNOWN_LANGUAGE
    return TranscriptionPacket(
        translated_text=event.text[-MAX_TEXT:],
        source_language=language,
        target_language=language,
        speaker_id=event.speaker_id,
        speaker_name=event.speaker_name and event.speaker_name[:MAX_NAME],
        translation_confidence=event.confidence,
        is_original_transcription=True,
        timestamp=began_s,
    )


def translation_packet(
    event: TranslationResult, *, began_s: float, meeting_s: float | None = None
) -> TranslationPacket:
    """Return the packet of a translation.

    Args:
        event: The translation.
        began_s: The ``timestamp`` of the transcription's packet.
        meeting_s: The same moment in the meeting's own time, where it is known.
    """
    return TranslationPacket(
        translated_text=event.translated_text[-MAX_TEXT:],
        source_language=event.source_language or UNKNOWN_LANGUAGE,
        target_language=event.target_language,
        speaker_id=event.speaker_id,
        speaker_name=event.speaker_name and event.speaker_name[:MAX_NAME],
        translation_confidence=event.confidence,
        is_original_transcription=False,
        google_meet_timestamp=meeting_s,
        internal_timestamp=began_s,
    )


def decode_packet(data: str | bytes) -> Packet:
    """Return the packet in a JSON text; raises InvalidPacket with all reasons."""
    try:
        value: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidPacket((f"it is not JSON: {error}",)) from error
    if not isinstance(value, dict):
        raise InvalidPacket(("it is not a JSON object",))
    return parse_packet(cast("dict[str, Any]", value))


def parse_packet(value: dict[str, Any]) -> Packet:
    """Return the packet in parsed JSON; raises InvalidPacket with all reasons."""
    original = value.get("is_original_transcription")
    if not isinstance(original, bool):
        raise InvalidPacket(("is_original_transcription: true or false is needed",))
    kind = TranscriptionPacket if original else TranslationPacket
    reasons = [*_misfits(kind, value), *_faults(value)]
    if reasons:
        raise InvalidPacket(tuple(reasons))
    return msgspec.convert(value, kind)


def faults(packet: Packet) -> tuple[str, ...]:
    """Return all that is wrong with a packet made here; nothing for a valid one."""
    return tuple(_faults(msgspec.structs.asdict(packet)))


def _misfits(kind: type[msgspec.Struct], value: dict[str, Any]) -> list[str]:
    """Return the fields that lack, are of a wrong type, or do not belong here."""
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    reasons = [f"{name}: missing" for name in known if name not in value]
    reasons += [f"{name}: no field of this packet" for name in value if name not in known]
    for name, field in known.items():
        if name in value:
            try:
                msgspec.convert(value[name], field.type)
            except msgspec.ValidationError as error:
                reasons.append(f"{name}: {error}")
    return reasons


def _faults(value: dict[str, Any]) -> list[str]:
    """Return the values of the right type that are out of bounds."""
    reasons: list[str] = []
    text, name = value.get("translated_text"), value.get("speaker_name")
    if isinstance(text, str) and len(text) > MAX_TEXT:
        reasons.append(f"translated_text: {len(text)} characters, {MAX_TEXT} are allowed")
    if isinstance(name, str) and len(name) > MAX_NAME:
        reasons.append(f"speaker_name: {len(name)} characters, {MAX_NAME} are allowed")
    for field in ("source_language", "target_language"):
        tag = value.get(field)
        if isinstance(tag, str) and not _LANGUAGE.fullmatch(tag):
            reasons.append(f"{field}: {tag[:40]!r} is no language tag")
    languages = value.get("source_language"), value.get("target_language")
    if value.get("is_original_transcription") is True and languages[0] != languages[1]:
        reasons.append("target_language: a transcription has the source's language")
    confidence = value.get("translation_confidence")
    if isinstance(confidence, float | int) and not 0 <= confidence <= 1:
        reasons.append(f"translation_confidence: {confidence} is not within 0 and 1")
    for field in ("timestamp", "internal_timestamp", "google_meet_timestamp"):
        seconds = value.get(field)
        if isinstance(seconds, float | int) and not (math.isfinite(seconds) and seconds >= 0):
            reasons.append(f"{field}: {seconds} is no moment of the session")
    return reasons
