"""Captions with times, from files: what a recorded session shows, without the session.

Two kinds of files: session events as JSON lines (``livetranslate captions --json``), and
subtitles in any form that pysubs2 reads, with their translation in a second file.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pysubs2
from pysubs2.exceptions import Pysubs2Error

from livetranslate.domain.errors import InvalidInput, NotFound
from livetranslate.domain.events import SpeakerUpdate, TranscriptionResult, TranslationResult
from livetranslate.domain.wire import decode_event, invalid
from livetranslate.meetings.webcam.conversion import PacketMaker
from livetranslate.meetings.webcam.packets import Packet, TranscriptionPacket, TranslationPacket

MAX_BYTES = 64 * 1024**2
TRANSLATION_LAG_S = 0.6
"""How long after the words of a subtitle its translation is shown."""


_CAPTIONS = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (TranscriptionResult, TranslationResult, SpeakerUpdate)
)


class TimedPacket(msgspec.Struct, frozen=True):
    """A packet and when it comes, in seconds from the beginning."""

    at_s: float
    packet: Packet


def read_events(path: Path) -> list[TimedPacket]:
    """Return the packets of a file of session events, one JSON object a line, at their own pace.

    Raises:
        NotFound: There is no such file.
        InvalidInput: A line is no session event, or there are no captions; says which line.
    """
    maker = PacketMaker()
    found: list[TimedPacket] = []
    first = None
    for number, line in enumerate(_read(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            if _type(line) not in _CAPTIONS:
                continue
            event = decode_event(line)
        except InvalidInput as error:
            raise InvalidInput(f"{path.name}, line {number}: {error.message}") from error
        first = first or event.timestamp
        at = (event.timestamp - first).total_seconds()
        found += [TimedPacket(max(0.0, at), packet) for packet in maker.packets(event)]
    if not found:
        raise InvalidInput(f"{path.name}: there are no captions in it")
    return found


def read_subtitles(
    path: Path, translation: Path | None, *, source: str, target: str
) -> list[TimedPacket]:
    """Return the packets of subtitles, their words one after the other as if they were spoken.

    Args:
        path: Subtitles in the language spoken; a cue's speaker is its name (ASS), or what stands
            before a colon.
        translation: The same cues translated, or None.
        source: BCP 47 tag of the first.
        target: BCP 47 tag of the second.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It cannot be read as subtitles, or has none.
    """
    spoken, translated = _cues(path), _cues(translation) if translation else []
    if not spoken:
        raise InvalidInput(f"{path.name}: there are no subtitles in it")
    streams: list[Iterable[TimedPacket]] = []
    for cue in spoken:
        streams.append(_spoken(cue, source))
    for cue in translated:
        began = min(spoken, key=lambda other, at=cue.start_s: abs(other.start_s - at))
        streams.append([_translated(cue, began, source, target)])
    return list(heapq.merge(*streams, key=lambda timed: timed.at_s))


def _type(line: str) -> str:
    """Return the type of a message in JSON; raises InvalidInput."""
    try:
        return msgspec.json.decode(line, type=_Typed).type
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise invalid(error) from error


class _Typed(msgspec.Struct):
    type: str


class _Cue(msgspec.Struct, frozen=True):
    start_s: float
    end_s: float
    speaker: str | None
    text: str


def _spoken(cue: _Cue, language: str) -> Iterator[TimedPacket]:
    words = cue.text.split()
    step = max(0.0, cue.end_s - cue.start_s) / max(1, len(words))
    for count in range(1, len(words) + 1):
        packet = TranscriptionPacket(
            translated_text=" ".join(words[:count]),
            source_language=language,
            target_language=language,
            speaker_id=cue.speaker,
            speaker_name=cue.speaker,
            translation_confidence=None,
            is_original_transcription=True,
            timestamp=cue.start_s,
        )
        yield TimedPacket(cue.start_s + count * step, packet)


def _translated(cue: _Cue, spoken: _Cue, source: str, target: str) -> TimedPacket:
    packet = TranslationPacket(
        translated_text=cue.text,
        source_language=source,
        target_language=target,
        speaker_id=spoken.speaker,
        speaker_name=spoken.speaker,
        translation_confidence=None,
        is_original_transcription=False,
        google_meet_timestamp=None,
        internal_timestamp=spoken.start_s,
    )
    return TimedPacket(spoken.end_s + TRANSLATION_LAG_S, packet)


def _cues(path: Path) -> list[_Cue]:
    try:
        subtitles = pysubs2.SSAFile.from_string(_read(path))
    except (Pysubs2Error, ValueError) as error:
        raise InvalidInput(f"{path.name}: these are no subtitles: {error}") from error
    return [_cue(event) for event in subtitles if not event.is_comment and event.plaintext.strip()]


def _cue(event: pysubs2.SSAEvent) -> _Cue:
    speaker, text = event.name or None, " ".join(event.plaintext.split())
    before, colon, after = text.partition(": ")
    if speaker is None and colon and 0 < len(before.split()) <= 4:
        speaker, text = before, after
    return _Cue(event.start / 1000, event.end / 1000, speaker, text)


def _read(path: Path) -> str:
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    if path.stat().st_size > MAX_BYTES:
        raise InvalidInput(f"{path.name}: larger than {MAX_BYTES // 1024**2} MiB")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name}: this is no text in UTF-8") from error
