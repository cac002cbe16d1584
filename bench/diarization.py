"""Diarization error of live sessions on meetings, and words given to the right speaker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from pyannote.core import Annotation, Segment  # pyright: ignore[reportMissingTypeStubs] - none
from pyannote.metrics.diarization import DiarizationErrorRate

from bench.hosted import hosted
from bench.machine import describe
from bench.meetings import DISTINCT, Meeting, SpokenTurn, composed, recorded
from bench.options import BenchOptions
from bench.report import Report, Row, row
from livetranslate.domain.events import SessionEvent, SpeakerUpdate, TranscriptionResult
from livetranslate.domain.session import SessionConfig
from livetranslate.domain.speech import Word
from livetranslate.speakers.light.embedding import LightEmbedding

COLLAR_S = 0.25
"""Seconds around each border of a turn that do not count, as in NIST's md-eval."""
SAME_TURN_S = 1.0
"""Segments of one speaker with a shorter pause between are one turn."""

Said = list[tuple[Word, str]]


def run(options: BenchOptions) -> Report:
    """Measure; recognition and diarization are deterministic, so once is enough."""
    machine = describe()
    meetings = recorded(options.speech)
    if (many := composed(options.speech)) is not None:
        meetings.append(many)
    rows: list[Row] = []
    for meeting in meetings:
        said = asyncio.run(_said(options, meeting))
        rows += _rows(meeting, said)
    voices = LightEmbedding.capabilities.model
    return Report(
        name="diarization",
        target="diarization error under 20 % on the synthetic meetings of two speakers",
        baseline="none",
        rows=rows,
        notes=[
            f"Voices: {voices}; live sessions with diarization, speakers as users see them in the "
            "end, also after speaker_update.",
            f"pyannote.metrics, collar {COLLAR_S} s on both sides of a border, as NIST's md-eval.",
            f"Five speakers: {', '.join(DISTINCT)}; where the folder has them all.",
        ],
        machine=machine,
    )


def _rows(meeting: Meeting, said: Said) -> list[Row]:
    metric = DiarizationErrorRate(collar=2 * COLLAR_S)
    truth, found = _annotation(meeting.turns), _annotation(_turns(said))
    parts = cast("dict[str, float]", metric(truth, found, detailed=True))
    mapping = metric.optimal_mapping(truth, found)
    total = parts["total"]
    spoken = [(_speaker(meeting.turns, word), mapping.get(label)) for word, label in said]
    right = sum(whom == heard for whom, heard in spoken)
    return [
        row(f"{meeting.name}: diarization error", "%", [100 * parts["diarization error rate"]]),
        row(f"{meeting.name}: of it confusion", "%", [100 * parts["confusion"] / total]),
        row(f"{meeting.name}: words of the right speaker", "%", [100 * right / len(said)]),
        row(
            f"{meeting.name}: speakers found, of {len(truth.labels())}",
            "speakers",
            [len(found.labels())],
        ),
    ]


async def _said(options: BenchOptions, meeting: Meeting) -> Said:
    """Return the words of a live session, each with its speaker in the end."""
    config = SessionConfig(language="en", diarization=True)
    async with hosted(options, now=lambda: datetime.now(UTC)) as live:
        events = await live(meeting.pcm, config)
    return said_by(events)


def said_by(events: Sequence[SessionEvent]) -> Said:
    """Return all final words, each with its speaker after all updates."""
    words: dict[str, tuple[Word, ...]] = {}
    speakers: dict[str, str] = {}
    for event in events:
        if isinstance(event, TranscriptionResult) and event.is_final:
            words[event.segment_id] = event.words
            speakers[event.segment_id] = event.speaker_id or "nobody"
        elif isinstance(event, SpeakerUpdate):
            speakers.update(dict.fromkeys(event.segment_ids, event.speaker_id))
    return [(word, speakers[name]) for name, all_words in words.items() for word in all_words]


def _turns(said: Said) -> list[SpokenTurn]:
    turns: list[SpokenTurn] = []
    for word, speaker in said:
        last = turns[-1] if turns else None
        if last and last.speaker == speaker and word.start - last.end < SAME_TURN_S:
            turns[-1] = SpokenTurn(speaker, last.start, word.end)
        else:
            turns.append(SpokenTurn(speaker, word.start, word.end))
    return turns


def _annotation(turns: Sequence[SpokenTurn]) -> Annotation:
    annotation = Annotation()
    for number, turn in enumerate(turns):
        annotation[Segment(turn.start, turn.end), number] = turn.speaker
    return annotation


def _speaker(turns: Sequence[SpokenTurn], word: Word) -> str | None:
    at = (word.start + word.end) / 2
    near = min(turns, key=lambda turn: max(turn.start - at, at - turn.end, 0.0))
    return near.speaker
