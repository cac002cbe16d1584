"""From a session's events to packets, keeping which utterance a translation belongs to."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from livetranslate.domain.events import (
    SessionEvent,
    SpeakerUpdate,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.meetings.webcam.packets import Packet, transcription_packet, translation_packet

MAX_SEGMENTS = 64
"""Segments remembered; the oldest gives way. A subtitle is gone long before."""


class PacketMaker:
    """Makes the packets of one session's events, in their order.

    Args:
        meeting_offset_s: The meeting's own time at the session's first sample, or None where the
            two are not correlated.

    Attributes:
        unpaired: Translations left out since their segment was never seen, or long ago.
    """

    def __init__(self, meeting_offset_s: float | None = None) -> None:
        self.meeting_offset_s = meeting_offset_s
        self.unpaired = 0
        self._began: OrderedDict[str, float] = OrderedDict()
        self._last: dict[str, dict[str, Packet]] = {}

    def packets(self, event: SessionEvent) -> tuple[Packet, ...]:
        """Return the packets of an event: one, none, or those that a new speaker's name changes."""
        if isinstance(event, TranscriptionResult):
            began = self._begin(event.segment_id, event.start)
            return self._keep(event.segment_id, transcription_packet(event, began_s=began))
        if isinstance(event, TranslationResult):
            return self._translation(event)
        if isinstance(event, SpeakerUpdate):
            return tuple(
                packet
                for segment_id in event.segment_ids
                for packet in self._renamed(segment_id, event)
            )
        return ()

    def _translation(self, event: TranslationResult) -> tuple[Packet, ...]:
        if event.error is not None:
            return ()
        began = self._began.get(event.segment_id)
        if began is None:
            self.unpaired += 1
            return ()
        offset = self.meeting_offset_s
        meeting = None if offset is None else max(0.0, offset + began)
        packet = translation_packet(event, began_s=began, meeting_s=meeting)
        return self._keep(event.segment_id, packet)

    def _begin(self, segment_id: str, start: float) -> float:
        """Return the begin that the segment was first told with."""
        if segment_id not in self._began:
            self._began[segment_id] = max(0.0, start)
            if len(self._began) > MAX_SEGMENTS:
                oldest, _ = self._began.popitem(last=False)
                self._last.pop(oldest, None)
        return self._began[segment_id]

    def _keep(self, segment_id: str, packet: Packet) -> tuple[Packet, ...]:
        kind = "" if packet.is_original_transcription else packet.target_language
        self._last.setdefault(segment_id, {})[kind] = packet
        return (packet,)

    def _renamed(self, segment_id: str, event: SpeakerUpdate) -> list[Packet]:
        renamed = {
            kind: msgspec.structs.replace(
                packet, speaker_id=event.speaker_id, speaker_name=event.speaker_name
            )
            for kind, packet in self._last.get(segment_id, {}).items()
        }
        if renamed:
            self._last[segment_id] = renamed
        return list(renamed.values())
