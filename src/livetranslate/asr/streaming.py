"""The streaming recogniser: a session's audio in, steps for the engine out, segments back.

It holds what one session needs and nothing else: the one bounded audio buffer, the voice activity,
the words committed in the buffer and the open segment. It neither waits nor computes: ``accept``
takes audio, ``next_step`` says what an engine should decode now (if anything), ``apply`` takes the
hypothesis and ``skip`` goes on without one. The same audio gives the same steps, however it comes,
since windows end on a grid of ``step_s`` from the begin of the utterance; only a recogniser that is
told to hurry leaves grid points out.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.asr.engine import Capabilities, Samples, WindowRequest
from livetranslate.asr.guards import GuardOptions, guarded
from livetranslate.asr.policy import (
    PolicyHistory,
    PolicyOptions,
    StreamingPolicy,
    make_policy,
)
from livetranslate.asr.segmenter import (
    Parting,
    Segmenter,
    SegmenterOptions,
    SegmenterState,
    ends_sentence,
)
from livetranslate.asr.vad import VadOptions
from livetranslate.asr.voice import TrackState, Utterance, VoiceTrack
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.session import PolicyName, SessionConfig
from livetranslate.domain.speech import Hypothesis, Segment, Word, join_words

FORCED_S = 0.5
"""Words that end so many seconds before the end of a window that is full are committed, whatever
the policy says, if there is no room to be made else."""


class StreamingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a session's audio is cut into steps; all times in seconds of audio.

    Attributes:
        step_s: New audio between two decodings of an utterance.
        lag_s: Lag behind real time from which a session is to hurry.
        max_step_s: Most new audio in one step while catching up.
        trim_s: Length of the window from which committed sentences leave it.
        max_window_s: Longest window, further limited by what the engine bears.
        prompt_chars: Committed text before the window that the engine is told.
        detect_s: Speech needed before a detected language counts.
    """

    step_s: float = 0.4
    lag_s: float = 15.0
    max_step_s: float = 4.0
    trim_s: float = 8.0
    max_window_s: float = 15.0
    prompt_chars: int = 200
    detect_s: float = 1.5
    policy: PolicyOptions = PolicyOptions()
    vad: VadOptions = VadOptions()
    guards: GuardOptions = GuardOptions()
    segmenter: SegmenterOptions = SegmenterOptions()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine should do now.

    Attributes:
        audio: Samples of the window.
        start: Sample of the session at which the window begins.
        end: Sample after its last one.
        language: Language to decode, or None to detect it.
        prompt: Text before the window.
        prefix: Words committed in the window.
        final: Whether the utterance ends here.
    """

    audio: Samples
    start: int
    end: int
    language: str | None
    prompt: str
    prefix: tuple[Word, ...]
    final: bool

    def request(self, config: SessionConfig) -> WindowRequest:
        """Return the request to a window engine."""
        return WindowRequest(
            audio=self.audio,
            offset_s=self.start / SAMPLE_RATE,
            language=self.language,
            task=config.task,
            prompt=self.prompt,
            prefix=self.prefix,
            final=self.final,
        )


class RecogniserState(msgspec.Struct, frozen=True, kw_only=True):
    """What another recogniser needs to go on, part of a session's checkpoint.

    With the audio from ``start`` on it goes on exactly as the first one would have.

    Attributes:
        start: Sample from which audio must be fed again.
        decoded: Sample up to which the utterance under way is decoded; None if it is not begun.
        before: End of the committed text before ``start``.
        prefix: Words committed behind ``start``.
        language: Language of the utterance under way, if found.
        history: What the policy remembers.
        segments: The segmenter's state.
        voice: The voice track's state.
    """

    start: int = 0
    decoded: int | None = None
    before: str = ""
    prefix: tuple[Word, ...] = ()
    language: str | None = None
    history: PolicyHistory = ()
    segments: SegmenterState = SegmenterState()
    voice: TrackState = TrackState()


class StreamingRecogniser:
    """Recognition of one session by a window engine; see the module."""

    def __init__(
        self,
        config: SessionConfig,
        capabilities: Capabilities,
        options: StreamingOptions,
        state: RecogniserState | None = None,
    ) -> None:
        """Begin a session, or go on with one, whose audio is fed again from ``state.start``."""
        state = state or RecogniserState()
        self._config = config
        self._capabilities = capabilities
        self._options = options
        self._max_window = int(min(options.max_window_s, capabilities.max_window_s) * SAMPLE_RATE)
        threshold_s = max(options.policy.frame_threshold_s, capabilities.settle_s)
        self._policy: StreamingPolicy = make_policy(
            config.policy or PolicyName.ALIGNATT,
            msgspec.structs.replace(options.policy, frame_threshold_s=threshold_s),
            state.history,
        )
        self._voice = VoiceTrack(options.vad, gate=config.vad, start=state.start, state=state.voice)
        self._segmenter = Segmenter(options.segmenter, state.segments)
        self._window = state.start
        self._decoded = state.start if state.decoded is None else state.decoded
        self._before = state.before
        self._prefix: list[Word] = list(state.prefix)
        self._language = state.language
        self._utterance: Utterance | None = None
        if state.decoded is not None:
            self._utterance = self._voice.current

    @property
    def policy(self) -> PolicyName:
        """The streaming policy at work."""
        return self._policy.name

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""
        return self._capabilities

    @property
    def buffered_s(self) -> float:
        """Seconds of audio in the buffer."""
        return self._voice.buffered / SAMPLE_RATE

    @property
    def needed_from(self) -> int:
        """First sample that is still needed."""
        return self._voice.resume_point(self._window)

    @property
    def speech_s(self) -> float:
        """Seconds of speech heard so far."""
        return self._voice.speech_samples / SAMPLE_RATE

    def configure(self, config: SessionConfig) -> None:
        """Apply a changed configuration to what follows."""
        if config.language != self._config.language:
            self._language = None
        self._config = config

    def accept(self, pcm: NDArray[np.int16]) -> list[bool]:
        """Take samples; return the changes between speech (True) and silence that it brought."""
        return self._voice.accept(pcm)

    def finish(self) -> None:
        """No more audio follows."""
        self._voice.finish()

    def next_step(self, *, hurry: bool = False) -> Step | None:
        """Return what should be decoded now, or None until more audio comes.

        Until a hypothesis for it is applied, the same step comes again.

        Args:
            hurry: Whether grid points are left out, to get on with fewer, longer steps.
        """
        utterance = self._voice.current
        if utterance is None or self._voice.catching_up:
            return None
        if utterance is not self._utterance:
            self._begin(utterance)
        end = self._next_end(utterance, hurry=hurry)
        if end is None:
            return None
        return Step(
            audio=self._voice.audio(self._window, end),
            start=self._window,
            end=end,
            language=self._known_language(),
            prompt=self._prompt(),
            prefix=tuple(self._prefix),
            final=utterance.end is not None and end >= utterance.end,
        )

    def apply(
        self, step: Step, hypothesis: Hypothesis, parting: Parting | None = None
    ) -> list[Segment]:
        """Take the hypothesis for a step; return the segments that it changed, in order.

        Args:
            step: What was decoded.
            hypothesis: What the engine made of it.
            parting: Says where another person begins to speak, which parts segments.
        """
        hypothesis = guarded(
            hypothesis,
            self._options.guards,
            final=step.final,
            has_speech=self._voice.has_speech,
        )
        end_s = step.end / SAMPLE_RATE
        words = hypothesis.words
        full = step.end - self._window >= self._max_window
        count = self._policy.commit(words, audio_end_s=end_s, final=step.final)
        if full and not step.final and not self._leaving([*self._prefix, *words[:count]]):
            count = max(count, settled(words, end_s - FORCED_S))
        self._learn_language(hypothesis, step)
        committed = [msgspec.structs.replace(word, committed=True) for word in words[:count]]
        self._prefix.extend(committed)
        changed = self._segmenter.add(
            committed,
            words[count:],
            hypothesis.language,
            pause=step.final,
            parting=parting,
        )
        if step.final:
            self._close(step)
        else:
            self._decoded = step.end
            self._trim(step, words[count:], full=full)
        return changed

    def skip(self, step: Step) -> list[Segment]:
        """Go on without a hypothesis for a step; return the segments that this changed.

        The audio comes again with the next step; a final one ends the utterance with the words
        that are committed.
        """
        if not step.final:
            self._decoded = step.end
            return []
        changed = self._segmenter.add((), (), None, pause=True)
        self._close(step)
        return changed

    def state(self) -> RecogniserState:
        """Return what another recogniser needs to go on from here."""
        return RecogniserState(
            start=self.needed_from,
            decoded=None if self._utterance is None else self._decoded,
            before=self._before,
            prefix=tuple(self._prefix),
            language=self._language,
            history=self._policy.history(),
            segments=self._segmenter.state(),
            voice=self._voice.state(),
        )

    def _begin(self, utterance: Utterance) -> None:
        self._utterance = utterance
        self._window = max(utterance.start, self._window)
        self._decoded = self._window
        self._policy.reset()

    def _next_end(self, utterance: Utterance, *, hurry: bool) -> int | None:
        """Return where the next window ends: at the next grid point, or a later one in a hurry."""
        options = self._options
        available = utterance.end if utterance.end is not None else self._voice.spoken_to
        limit = min(available, self._window + self._max_window)
        step = int(options.step_s * SAMPLE_RATE)
        if limit - self._decoded < step:
            ends_here = utterance.end is not None and limit == utterance.end
            return limit if ends_here or limit < available else None
        if not hurry:
            return self._decoded + step
        ahead = min(limit - self._decoded, int(options.max_step_s * SAMPLE_RATE))
        return self._decoded + ahead // step * step

    def _prompt(self) -> str:
        """Return the committed text before the window, or the session's context at its begin."""
        return self._before or (self._config.context or "")[-self._options.prompt_chars :]

    def _known_language(self) -> str | None:
        return self._config.language if self._config.language != "auto" else self._language

    def _learn_language(self, hypothesis: Hypothesis, step: Step) -> None:
        heard = (step.end - step.start) / SAMPLE_RATE
        enough = heard >= self._options.detect_s or step.final
        if self._language is None and hypothesis.words and enough:
            self._language = hypothesis.language

    def _close(self, step: Step) -> None:
        """End the utterance that a final step belongs to."""
        self._leave(len(self._prefix))
        self._voice.close()
        self._window = step.end
        self._decoded = step.end
        self._utterance = None
        self._policy.reset()
        if self._config.language == "auto":
            self._language = None

    def _trim(self, step: Step, tail: Sequence[Word], *, full: bool) -> None:
        """Let committed sentences leave the window once it is long; make room if it is full.

        If nothing committed can make room, the window moves on to its last second, or to the begin
        of the unstable tail if that comes before.
        """
        if not full and step.end - self._window < self._options.trim_s * SAMPLE_RATE:
            return
        cut = self._leaving(self._prefix) if full else last_sentence(self._prefix)
        if cut:
            window = int(self._prefix[cut - 1].end * SAMPLE_RATE)
        elif full:
            unstable = int(tail[0].start * SAMPLE_RATE) if tail else step.end
            window = max(min(step.end - SAMPLE_RATE, unstable), self._window + self._room)
            cut = sum((word.start + word.end) / 2 < window / SAMPLE_RATE for word in self._prefix)
        else:
            return
        self._window = max(window, self._window)
        self._leave(cut)
        self._voice.drop(self._window)

    @property
    def _room(self) -> int:
        """Samples by which a full window must move on at least."""
        return int(self._options.step_s * SAMPLE_RATE)

    def _leaving(self, words: Sequence[Word]) -> int:
        """Return how many committed words can leave a full window, or 0 if that makes no room."""
        room_s = (self._window + self._room) / SAMPLE_RATE
        for count in (last_sentence(words), len(words) - 3):
            if count > 0 and words[count - 1].end >= room_s:
                return count
        return 0

    def _leave(self, count: int) -> None:
        """Let the first words of the window become the text before it."""
        left = join_words(self._prefix[:count], self._language)
        self._before = f"{self._before} {left}".strip()[-self._options.prompt_chars :]
        self._prefix = self._prefix[count:]


def settled(words: Sequence[Word], before_s: float) -> int:
    """Return how many leading words end by ``before_s``."""
    return next((n for n, word in enumerate(words) if word.end > before_s), len(words))


def last_sentence(words: Sequence[Word]) -> int:
    """Return how many leading words there are up to the last sentence end."""
    ends = (n for n in range(len(words), 0, -1) if ends_sentence(words[n - 1].word))
    return next(ends, 0)
