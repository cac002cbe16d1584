"""Packets for the virtual webcam, made short."""

from __future__ import annotations

from livetranslate.meetings.webcam.packets import TranscriptionPacket, TranslationPacket


def spoken(
    text: str, began_s: float = 0.0, speaker: str | None = "Anna", language: str = "en"
) -> TranscriptionPacket:
    return TranscriptionPacket(
        translated_text=text,
        source_language=language,
        target_language=language,
        speaker_id=speaker and speaker.lower(),
        speaker_name=speaker,
        translation_confidence=0.9,
        is_original_transcription=True,
        timestamp=began_s,
    )


def translated(
    text: str, began_s: float = 0.0, speaker: str | None = "Anna", language: str = "es"
) -> TranslationPacket:
    return TranslationPacket(
        translated_text=text,
        source_language="en",
        target_language=language,
        speaker_id=speaker and speaker.lower(),
        speaker_name=speaker,
        translation_confidence=0.8,
        is_original_transcription=False,
        google_meet_timestamp=None,
        internal_timestamp=began_s,
    )
