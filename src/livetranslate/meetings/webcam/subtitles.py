"""What is on screen when: a policy without pixels and without a clock.

Each speaker has a slot and keeps it while shown, so that nothing jumps when another one begins to
speak. When all slots are taken, the speaker silent for longest gives way. All times are seconds of
one clock that the caller passes in; they never run backward.
"""

from __future__ import annotations

import zlib

import msgspec

from livetranslate.meetings.webcam.options import SubtitleOptions
from livetranslate.meetings.webcam.packets import Packet

SLOTS = 2
"""Speakers shown at once."""
COLOURS = 8
"""Colours of speakers; every theme has as many."""
FADE_STEPS = 10
"""Different opacities of a caption that fades: each costs one redrawing of it."""
MAX_PASSAGES = 8
"""Utterances of a speaker that are held; the oldest gives way."""
SHOWN_PASSAGES = 2
"""Utterances whose text can be on screen: as many as a text has lines."""
MAX_SPEAKERS = 256
"""Speakers whose colours are remembered; the oldest gives way."""


class Passage(msgspec.Struct, frozen=True):
    """One utterance's text in one language, under the name that its newer texts share."""

    began_s: float
    text: str
    language: str


class Caption(msgspec.Struct, frozen=True, kw_only=True):
    """What one speaker's slot shows.

    Attributes:
        slot: From 0 (the lowest on screen).
        speaker: The name to show; empty for none.
        colour: Index of the speaker's colour.
        original: The last utterances as spoken.
        translation: The last utterances translated.
        opacity: Above 0, up to 1.
    """

    slot: int
    speaker: str
    colour: int
    original: tuple[Passage, ...]
    translation: tuple[Passage, ...]
    opacity: float


class Screen(msgspec.Struct, frozen=True):
    """All captions at one moment, by slot."""

    captions: tuple[Caption, ...] = ()


class _Turn(msgspec.Struct):
    speaker_id: str | None
    name: str
    slot: int
    colour: int
    changed_s: float
    original: dict[float, Passage] = msgspec.field(default_factory=dict[float, Passage])
    translation: dict[float, Passage] = msgspec.field(default_factory=dict[float, Passage])


class Subtitles:
    """Takes packets, tells the screen.

    Args:
        options: How long things stay.
    """

    def __init__(self, options: SubtitleOptions | None = None) -> None:
        self._options = options or SubtitleOptions()
        self._target = self._options.target_language
        self._turns: list[_Turn] = []
        self._colours: dict[str, int] = {}

    def take(self, packet: Packet, now: float) -> bool:
        """Take a packet at a moment; return whether it changes what is on screen."""
        self._expire(now)
        if not packet.is_original_transcription:
            self._target = self._target or packet.target_language
            if packet.target_language != self._target:
                return False
        turn = self._find(packet)
        if turn is None:
            if not packet.translated_text.strip():
                return False
            turn = self._begin(packet, now)
        return self._put(turn, packet, now)

    def screen(self, now: float) -> Screen:
        """Return what is on screen at a moment."""
        self._expire(now)
        captions = [self._caption(turn, now) for turn in self._turns]
        return Screen(tuple(sorted(captions, key=lambda caption: caption.slot)))

    def _expire(self, now: float) -> None:
        gone = self._options.hold_s + self._options.fade_s
        self._turns = [turn for turn in self._turns if now - turn.changed_s < gone]

    def _find(self, packet: Packet) -> _Turn | None:
        """Return the turn that a packet belongs to; mends what was shown under a wrong speaker."""
        own = next((turn for turn in self._turns if turn.speaker_id == packet.speaker_id), None)
        holder = next((turn for turn in self._turns if _holds(turn, packet)), None)
        if holder is None or holder is own or (own and packet.began_s in own.original):
            return own
        alone = {*holder.original, *holder.translation} == {packet.began_s}
        if own is None and (holder.speaker_id is None or alone):
            holder.speaker_id = packet.speaker_id
            holder.colour = self._colour(packet.speaker_id)
            holder.name = ""
            return holder
        holder.original.pop(packet.began_s, None)
        holder.translation.pop(packet.began_s, None)
        if not (holder.original or holder.translation):
            self._turns.remove(holder)
        return own

    def _begin(self, packet: Packet, now: float) -> _Turn:
        free = set(range(SLOTS)) - {turn.slot for turn in self._turns}
        if not free:
            silent = min(self._turns, key=lambda turn: turn.changed_s)
            self._turns.remove(silent)
            free = {silent.slot}
        turn = _Turn(
            packet.speaker_id, _name(packet), min(free), self._colour(packet.speaker_id), now
        )
        self._turns.append(turn)
        return turn

    def _put(self, turn: _Turn, packet: Packet, now: float) -> bool:
        passages = turn.original if packet.is_original_transcription else turn.translation
        language = packet.target_language
        name = _name(packet) or turn.name
        new = Passage(packet.began_s, packet.translated_text.strip(), language)
        same = passages.get(packet.began_s) == new or not (new.text or packet.began_s in passages)
        if same and name == turn.name:
            return False
        turn.name = name
        if not same:
            turn.changed_s = now
            passages[packet.began_s] = new
            if not new.text:
                del passages[packet.began_s]
            if len(passages) > MAX_PASSAGES:
                del passages[min(passages)]
        if not (turn.original or turn.translation):
            self._turns.remove(turn)
        return True

    def _colour(self, speaker_id: str | None) -> int:
        """Return a speaker's colour: the same in every run, unless another one has it already."""
        key = speaker_id or ""
        if key not in self._colours:
            first = zlib.crc32(key.encode()) % COLOURS
            taken = set(self._colours.values())
            wheel = [(first + step) % COLOURS for step in range(COLOURS)]
            self._colours[key] = next((one for one in wheel if one not in taken), first)
            if len(self._colours) > MAX_SPEAKERS:
                del self._colours[next(iter(self._colours))]
        return self._colours[key]

    def _caption(self, turn: _Turn, now: float) -> Caption:
        return Caption(
            slot=turn.slot,
            speaker=turn.name,
            colour=turn.colour,
            original=_last(turn.original),
            translation=_last(turn.translation),
            opacity=self._opacity(now - turn.changed_s),
        )

    def _opacity(self, silent_s: float) -> float:
        over = silent_s - self._options.hold_s
        if over <= 0 or self._options.fade_s <= 0:
            return 1.0
        left = 1.0 - over / self._options.fade_s
        return max(1, round(left * FADE_STEPS)) / FADE_STEPS


def _holds(turn: _Turn, packet: Packet) -> bool:
    """Return whether a turn shows the utterance of a packet, be it under another speaker.

    Two speakers may begin at the same moment; so either nobody was known, or the text is the same.
    """
    if turn.speaker_id is None or turn.speaker_id == packet.speaker_id:
        return packet.began_s in turn.original or packet.began_s in turn.translation
    held = (turn.original if packet.is_original_transcription else turn.translation).get(
        packet.began_s
    )
    return held is not None and held.text == packet.translated_text.strip()


def _name(packet: Packet) -> str:
    return packet.speaker_name or packet.speaker_id or ""


def _last(passages: dict[float, Passage]) -> tuple[Passage, ...]:
    newest = sorted(passages)[-SHOWN_PASSAGES:]
    return tuple(passages[began] for began in newest)
