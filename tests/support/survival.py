"""Live sessions while something happens to the platform, and the proof that nothing was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.services.client import ClientOptions, Received
from support.captions import CHUNK, Captions, stream
from support.scoring import normalised
from support.speech import WHISPER_FIXTURE, recordings

CLAIM_TTL_S = 2.0
SETTINGS = {
    "WHISPER_MODEL": str(WHISPER_FIXTURE),
    "WORKER_CLAIM_TTL": f"{CLAIM_TTL_S:g}",
    "MAX_SESSIONS_PER_WORKER": "32",
}
"""Settings of an installation that has to survive."""
PATIENT = ClientOptions(reconnect_most_s=1.0, give_up_s=180.0, alive_s=10.0)
"""A client that outlasts every disturbance of the tests and looks for the platform often."""
HEARD_S = 60.0
PAUSE = np.zeros(12_000, dtype=np.float32)

Audio = NDArray[np.float32]


class Speaking:
    """Sessions that are fed in real time, as whoever disturbs them sees them."""

    def __init__(self, places: int) -> None:
        self._results = [0] * places
        self._result = asyncio.Event()

    async def heard(self) -> None:
        """Wait until something new has been heard of every session's speech."""
        before = list(self._results)
        async with asyncio.timeout(HEARD_S):
            while any(now == then for now, then in zip(self._results, before, strict=True)):
                self._result.clear()
                await self._result.wait()

    def note(self, place: int) -> None:
        """Hear that a place has a result."""
        self._results[place] += 1
        self._result.set()


Disturbance = Callable[[Speaking], Awaitable[None]]


def speeches(number: int, seconds: float) -> list[Audio]:
    """Different speeches of at least so many seconds, each made of recordings."""
    spoken = [each.audio for each in recordings("en")]
    made: list[Audio] = []
    for index in range(number):
        step = 1 + index // len(spoken) % (len(spoken) - 1)
        parts: list[Audio] = []
        place = index
        while sum(map(len, parts)) < seconds * SAMPLE_RATE:
            parts += [spoken[place % len(spoken)], PAUSE]
            place += step
        made.append(np.concatenate(parts))
    return made


class Rehearsed(msgspec.Struct, frozen=True):
    """Speeches, what is heard of each in peace, and how its session is opened."""

    audios: list[Audio]
    texts: list[str]
    config: SessionConfig = SessionConfig()

    def first(self, number: int) -> Rehearsed:
        """Only some of them."""
        return Rehearsed(self.audios[:number], self.texts[:number], self.config)


async def rehearse(
    url: str, audios: Sequence[Audio], config: SessionConfig | None = None
) -> Rehearsed:
    """Hear all in peace, as fast as it goes."""
    config = config or SessionConfig()
    heard = await in_peace(url, audios, config)
    rehearsed = Rehearsed(list(audios), [captions.text for captions in heard], config)
    found = [loss for at, each in enumerate(heard) for loss in losses(each, rehearsed, at)]
    assert not found, found
    return rehearsed


async def in_peace(
    url: str, audios: Sequence[Audio], config: SessionConfig | None = None
) -> list[Captions]:
    """What comes of sessions that nothing disturbs, fed as fast as it goes, a few at a time."""
    heard: list[Captions] = []
    for first in range(0, len(audios), 4):
        some = audios[first : first + 4]
        heard += await asyncio.gather(
            *(stream(url, each, config, real_time=False) for each in some)
        )
    return heard


async def disturbed(
    urls: Sequence[str], rehearsed: Rehearsed, disturbance: Disturbance
) -> list[Captions]:
    """Speak in real time, spread over the instances, while the disturbance happens.

    It begins once every session is at work. Whoever ends before it does begins again, so that every
    moment of it has its sessions. Fails with all that was lost; returns the sessions' captions.
    """
    over = asyncio.Event()
    speaking = Speaking(len(rehearsed.audios))
    heard: list[Captions] = []
    found: list[str] = []

    async def disturb() -> None:
        try:
            await speaking.heard()
            await disturbance(speaking)
        finally:
            over.set()

    async def speak(place: int) -> None:
        def received(each: Received) -> None:
            if isinstance(each.message, TranscriptionResult):
                speaking.note(place)

        addresses = ",".join(rotated(urls, place))
        while True:
            captions = await stream(
                addresses,
                rehearsed.audios[place],
                rehearsed.config,
                options=PATIENT,
                on_received=received,
            )
            heard.append(captions)
            found.extend(losses(captions, rehearsed, place))
            if over.is_set():
                return

    async with asyncio.TaskGroup() as group:
        for place in range(len(rehearsed.audios)):
            group.create_task(speak(place))
        group.create_task(disturb())
    assert not found, "\n".join(found)
    return heard


def rotated(urls: Sequence[str], by: int) -> list[str]:
    """The same addresses, beginning with another one."""
    first = by % len(urls)
    return [*urls[first:], *urls[:first]]


def losses(captions: Captions, rehearsed: Rehearsed, place: int) -> list[str]:
    """Everything wrong in a transcript, an acknowledgement or a total; nothing is right."""
    session_id = captions.events[0].session_id
    problems = _losses(captions, rehearsed.audios[place], rehearsed.texts[place])
    for language in rehearsed.config.target_languages:
        problems += _untranslated(captions, language)
    return [f"speech {place} ({session_id}): {problem}" for problem in problems]


def _losses(captions: Captions, audio: Audio, text: str) -> list[str]:
    found: list[str] = []
    ended = captions.ended
    chunks = -(-len(audio) // CHUNK)
    if ended.reason is not EndReason.CLIENT_ENDED:
        found.append(f"ended by {ended.reason.value}")
    if captions.unacknowledged or len(captions.sent) != chunks:
        found.append(f"never acknowledged: {captions.unacknowledged}")
    if ended.statistics.chunks != chunks:
        found.append(f"{chunks} chunks sent, {ended.statistics.chunks} taken")
    if abs(ended.statistics.audio_s - len(audio) / SAMPLE_RATE) > 1e-3:
        found.append(f"{len(audio) / SAMPLE_RATE} s sent, {ended.statistics.audio_s} s taken")
    if revised := captions.revised_commitments():
        found.append(f"committed words changed: {revised}")
    ids = [event.event_id for event in captions.events]
    if any(after <= before for before, after in pairwise(ids)):
        found.append(f"event ids do not rise: {ids}")
    segments = [final.segment_id for final in captions.finals]
    if len(set(segments)) != len(segments):
        found.append(f"segments ended twice: {segments}")
    starts = [word.start for word in captions.words]
    if any(after < before for before, after in pairwise(starts)):
        found.append(f"words out of order or twice: {[(w.word, w.start) for w in captions.words]}")
    if normalised(captions.text) != normalised(text):
        found.append(f"heard  {captions.text}\n  in peace {text}")
    return found


def _untranslated(captions: Captions, language: str) -> list[str]:
    """Everything wrong in the translations into a language: each segment has one, in order."""
    translated = captions.translations(language)
    found = [
        f"{each.segment_id} into {language}: {each.error}" for each in translated if each.error
    ]
    segments = [final.segment_id for final in captions.finals if final.text]
    told = [each.segment_id for each in translated]
    if told != segments:
        found.append(f"segments {segments}, translated into {language} {told}")
    return found
