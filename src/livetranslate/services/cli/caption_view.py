"""How live captions look in a terminal: what is final scrolls, what may change stays below."""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from livetranslate.domain.events import SpeakerUpdate, TranscriptionResult, TranslationResult

MAX_WAITING = 3
"""Final segments that may wait for their translations before they are shown without."""


class _Caption(msgspec.Struct):
    segment_id: str
    speech: TranscriptionResult | None = None
    translations: dict[str, TranslationResult] = {}
    speaker: str | None = None


class CaptionView:
    """Turns events into lines; knows no terminal.

    Args:
        targets: Languages whose translations are awaited.
    """

    def __init__(self, targets: tuple[str, ...] = ()) -> None:
        self._targets = targets
        self._captions: dict[str, _Caption] = {}
        self._shown: set[str] = set()

    def apply(self, event: object) -> list[Text]:
        """Take an event; return the lines that are final now and in turn."""
        if isinstance(event, TranscriptionResult):
            caption = self._caption(event.segment_id)
            caption.speech = event
            caption.speaker = event.speaker_name or event.speaker_id or caption.speaker
        elif isinstance(event, TranslationResult):
            if event.segment_id in self._shown:
                return [_translation(event)] if event.is_final else []
            self._caption(event.segment_id).translations[event.target_language] = event
        elif isinstance(event, SpeakerUpdate):
            for segment_id in event.segment_ids:
                if segment_id in self._captions:
                    self._captions[segment_id].speaker = event.speaker_name or event.speaker_id
        else:
            return []
        return self._done()

    def rest(self) -> list[Text]:
        """Return everything that is still held, at the end of the session."""
        return [line for caption in list(self._captions.values()) for line in self._show(caption)]

    def tail(self) -> RenderableType:
        """Return what may still change, unstable words dim."""
        return Group(*(line for held in self._captions.values() for line in _lines(held)))

    def _caption(self, segment_id: str) -> _Caption:
        return self._captions.setdefault(segment_id, _Caption(segment_id, translations={}))

    def _done(self) -> list[Text]:
        lines: list[Text] = []
        while self._captions:
            first = next(iter(self._captions.values()))
            waiting = sum(_is_final(caption) for caption in self._captions.values())
            if not _is_final(first) or (waiting <= MAX_WAITING and self._awaits(first)):
                break
            lines += self._show(first)
        return lines

    def _awaits(self, caption: _Caption) -> bool:
        return any(
            target not in caption.translations or not caption.translations[target].is_final
            for target in self._targets
        )

    def _show(self, caption: _Caption) -> list[Text]:
        del self._captions[caption.segment_id]
        self._shown.add(caption.segment_id)
        return _lines(caption)


def _is_final(caption: _Caption) -> bool:
    return caption.speech is not None and caption.speech.is_final


def _lines(caption: _Caption) -> list[Text]:
    lines: list[Text] = []
    if caption.speech is not None:
        lines.append(_speech(caption.speech, caption.speaker))
    lines += [_translation(caption.translations[name]) for name in sorted(caption.translations)]
    return lines


def _speech(event: TranscriptionResult, speaker: str | None) -> Text:
    line = Text()
    if speaker:
        line.append(f"{speaker}: ", style="bold cyan")
    if event.is_final:
        return line.append(event.text)
    committed = " ".join(word.word for word in event.words if word.committed)
    unstable = " ".join(word.word for word in event.words if not word.committed)
    line.append(committed)
    if committed and unstable:
        line.append(" ")
    return line.append(unstable, style="dim")


def _translation(event: TranslationResult) -> Text:
    line = Text(f"  {event.target_language}  ", style="green")
    if event.error:
        return line.append(f"no translation: {event.error}", style="yellow")
    return line.append(event.translated_text, style="" if event.is_final else "dim")
