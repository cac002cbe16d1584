"""Sessions whose words are known, and a window engine that hears them in the audio it is given.

The engine checks that the samples of each window are those of the session at the window's place,
and that the prefix is exactly what was said there; so nothing it says rests on trust.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.asr.engine import Capabilities, EngineInfo, EngineStream, WindowRequest
from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.speech import Hypothesis, Segment, Word
from support.speech import recording

RATE = 16_000


class ToldSession(msgspec.Struct, frozen=True):
    """Audio and the words in it, in order."""

    pcm: NDArray[np.int16]
    words: tuple[Word, ...]

    @property
    def text(self) -> list[str]:
        return [word.word for word in self.words]

    def cut(self, end_s: float) -> ToldSession:
        """The session up to a time; words that have not ended by then are not in it."""
        kept = tuple(word for word in self.words if word.end <= end_s)
        return ToldSession(self.pcm[: int(end_s * RATE)], kept)


def as_pcm(audio: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16)


def real_session(*names: str, pause_s: float = 1.0) -> ToldSession:
    """Recordings one after the other, with silence between and behind."""
    pieces: list[NDArray[np.int16]] = []
    words: list[Word] = []
    at = 0
    for name in names:
        spoken = recording(name)
        pcm = np.concatenate([as_pcm(spoken.audio), np.zeros(int(pause_s * RATE), np.int16)])
        words += [
            Word(w["word"], round(at / RATE + w["start"], 3), round(at / RATE + w["end"], 3), 0.9)
            for w in spoken.words
        ]
        pieces.append(pcm)
        at += len(pcm)
    return ToldSession(np.concatenate(pieces), tuple(words))


def made_session(words: Sequence[tuple[str, float, float]], *, seed: int = 0) -> ToldSession:
    """Noise in which words are said: text, seconds of silence before it, seconds it takes."""
    told: list[Word] = []
    at = 0.0
    for text, gap, length in words:
        told.append(Word(text, round(at + gap, 3), round(at + gap + length, 3), 0.9))
        at += gap + length
    noise = np.random.default_rng(seed).integers(-9_000, 9_000, int((at + 0.3) * RATE), np.int16)
    return ToldSession(noise, tuple(told))


class ToldEngine:
    """Hears a session's words. Of one that the window cuts off it guesses, each time differently.

    Attributes:
        windows: Begin, end and finality of each window decoded, in samples of the session.
        language: Language it says it heard.
        requests: The requests, in order.
    """

    info = EngineInfo(
        engine="told", model="told", device="cpu", compute_type="none", memory_bytes=1
    )

    def __init__(self, session: ToldSession, *, max_window_s: float = 30.0) -> None:
        self._session = session
        self.language = "en"
        self.requests: list[WindowRequest] = []
        self.capabilities = Capabilities(
            incremental=False,
            word_times=True,
            languages=("en", "es"),
            detects_language=True,
            translates=False,
            max_batch=8,
            min_window_s=0.5,
            max_window_s=max_window_s,
        )

    @property
    def windows(self) -> list[tuple[int, int, bool]]:
        return [
            (round(each.offset_s * RATE), round(each.offset_s * RATE) + len(each.audio), each.final)
            for each in self.requests
        ]

    def decode(self, requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        return [self._hear(request) for request in requests]

    def open_stream(self, *, offset_s: float, language: str | None) -> EngineStream:
        raise InvalidInput("windows only")

    def close(self) -> None:
        pass

    def _hear(self, request: WindowRequest) -> Hypothesis:
        self.requests.append(request)
        start, end, _ = self.windows[-1]
        expected = self._session.pcm[start:end].astype(np.float32) / 32768
        np.testing.assert_array_equal(request.audio, expected, strict=True)
        heard = [
            said if said.end * RATE <= end else self._guess(said, end / RATE)
            for said in self._session.words
            if (said.start + said.end) / 2 * RATE >= start
            and min(said.end, said.start + 0.1) * RATE <= end
        ]
        prefix = [word.word for word in request.prefix]
        assert [word.word for word in heard[: len(prefix)]] == prefix
        return Hypothesis(
            words=tuple(heard[len(prefix) :]), language=request.language or self.language
        )

    @staticmethod
    def _guess(said: Word, end_s: float) -> Word:
        guess = f"{said.word[:2]}~{round((end_s - said.start) * 1000)}"
        return Word(guess, said.start, round(end_s, 3), 0.5)


def check_promises(told: Iterable[Segment | TranscriptionResult]) -> None:
    """Committed words never change; segments are numbered, ordered and end once."""
    committed: dict[str, list[tuple[str, float]]] = {}
    closed: set[str] = set()
    for segment in told:
        assert segment.segment_id not in closed
        words = [(word.word, word.start) for word in segment.words if word.committed]
        assert all(word.committed for word in segment.words[: len(words)])
        promised = committed.get(segment.segment_id, [])
        if segment.is_final:
            assert len(words) == len(segment.words)
            closed.add(segment.segment_id)
            # What is left of a segment that was too long goes on in the next.
            rest = promised[len(words) :]
            committed[f"seg-{len(closed) + 1:05d}"] = rest
            promised = promised[: len(words)]
        assert words[: len(promised)] == promised
        committed[segment.segment_id] = words
    assert sorted(closed) == [f"seg-{n + 1:05d}" for n in range(len(closed))]
