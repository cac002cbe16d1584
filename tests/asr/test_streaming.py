"""The streaming recogniser over sessions whose words are known; see ``support.told_speech``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from livetranslate.asr.engine import WindowRequest
from livetranslate.asr.streaming import (
    RecogniserState,
    Step,
    StreamingOptions,
    StreamingRecogniser,
)
from livetranslate.domain.session import PolicyName, SessionConfig
from livetranslate.domain.speech import Hypothesis, Segment, Word
from support.told_speech import (
    ToldEngine,
    ToldSession,
    check_promises,
    made_session,
    real_session,
)

RATE = 16_000
POLICIES = list(PolicyName)
SPOKEN = real_session("en_25", "en_04", "en_12")


class Run:
    """One session through a recogniser, with everything that must always hold checked."""

    def __init__(
        self,
        session: ToldSession,
        *,
        engine: ToldEngine | None = None,
        options: StreamingOptions | None = None,
        **config: object,
    ) -> None:
        self.session = session
        self.engine = engine or ToldEngine(session)
        self.options = options or StreamingOptions()
        self.config = SessionConfig(**{"language": "en", **config})
        self.recogniser = self._make(None)
        self.fed = 0
        self.hurry = False
        self.told: list[Segment] = []
        self.fails: Callable[[Step], bool] = lambda _step: False

    def _make(self, state: RecogniserState | None) -> StreamingRecogniser:
        return StreamingRecogniser(self.config, self.engine.capabilities, self.options, state)

    def feed(self, samples: int) -> None:
        pcm = self.session.pcm[self.fed : self.fed + samples]
        self.recogniser.accept(pcm)
        self.fed += len(pcm)
        self.work()

    def work(self) -> None:
        while (step := self.recogniser.next_step(hurry=self.hurry)) is not None:
            if self.fails(step):
                self.told += self.recogniser.skip(step)
            else:
                [found] = self.engine.decode([step.request(self.config)])
                self.told += self.recogniser.apply(step, found)

    def replace(self, chunk: int = 1_600) -> None:
        """Let another recogniser go on from this one's state."""
        packed = msgspec.msgpack.encode(self.recogniser.state())
        state = msgspec.msgpack.decode(packed, type=RecogniserState)
        self.recogniser = self._make(state)
        end, self.fed = self.fed, state.start
        while self.fed < end:
            self.feed(min(chunk, end - self.fed))

    def finish(self) -> Run:
        self.recogniser.finish()
        self.work()
        assert self.recogniser.next_step() is None
        return self

    def all(self, chunk: int = 1_600) -> Run:
        while self.fed < len(self.session.pcm):
            self.feed(chunk)
        return self.finish()

    @property
    def finals(self) -> list[Segment]:
        return [segment for segment in self.told if segment.is_final]

    @property
    def said(self) -> list[str]:
        return [word.word for segment in self.finals for word in segment.words]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("chunk", [320, 1_600, 11_111, 16_000])
def test_every_word_comes_out_once(policy: PolicyName, chunk: int) -> None:
    run = Run(SPOKEN, policy=policy).all(chunk)
    assert run.said == SPOKEN.text
    check_promises(run.told)
    for segment in run.finals:
        words = [w for w in SPOKEN.words if segment.start <= w.start and w.end <= segment.end]
        assert " ".join(word.word for word in words) == segment.text
        assert segment.language == "en"


@pytest.mark.parametrize("policy", POLICIES)
def test_how_audio_is_cut_changes_nothing(policy: PolicyName) -> None:
    runs = [Run(SPOKEN, policy=policy).all(chunk) for chunk in (1_000, 1_600, 6_400)]
    assert runs[0].engine.windows == runs[1].engine.windows == runs[2].engine.windows
    assert runs[0].told == runs[1].told == runs[2].told


def test_words_are_promised_before_the_utterance_ends() -> None:
    run = Run(SPOKEN)
    while run.fed < 3 * RATE:
        run.feed(1_600)
    assert sum(word.committed for word in run.told[-1].words) >= 4


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("every", [5, 8, 13])
def test_another_recogniser_goes_on_exactly_as_this_one_would(
    policy: PolicyName, every: int
) -> None:
    whole = Run(SPOKEN, policy=policy).all()
    broken = Run(SPOKEN, policy=policy)
    chunks = 0
    while broken.fed < len(SPOKEN.pcm):
        broken.feed(1_600)
        chunks += 1
        if chunks % every == 0:
            broken.replace(chunk=700)
    broken.finish()
    assert broken.told == whole.told
    assert broken.engine.windows == whole.engine.windows
    assert broken.recogniser.speech_s == whole.recogniser.speech_s


def test_the_end_can_come_again_after_the_end() -> None:
    speech = SPOKEN.cut(3.0)
    run = Run(speech).all()
    before = list(run.told)
    run.replace()
    run.finish()
    assert run.told == before


def test_audio_is_let_go_once_it_is_not_needed() -> None:
    run = Run(SPOKEN)
    while run.fed < len(SPOKEN.pcm):
        run.feed(1_600)
        assert run.recogniser.buffered_s <= 16.0
        assert run.recogniser.state().start <= run.fed
    assert run.recogniser.buffered_s < 1.0
    assert run.recogniser.state().start > run.fed - RATE


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("end_s", [1.2, 2.0, 2.9, 6.8])
def test_the_last_word_comes_without_a_pause_behind_it(policy: PolicyName, end_s: float) -> None:
    last = max(word.end for word in SPOKEN.words if word.end <= end_s)
    speech = SPOKEN.cut(last + 0.02)
    run = Run(speech, policy=policy).all()
    assert run.said == speech.text
    assert run.engine.windows[-1][1] == len(speech.pcm)


def test_nothing_said_is_nothing_told() -> None:
    silence = ToldSession(np.zeros(5 * RATE, np.int16), ())
    run = Run(silence).all()
    assert run.told == [] and run.engine.requests == []


def test_no_audio_at_all() -> None:
    assert Run(ToldSession(np.zeros(0, np.int16), ())).all().told == []


words = st.lists(
    st.tuples(
        st.sampled_from(["so", "it", "was.", "then,", "Mr.", "really?", "seven"]),
        st.sampled_from([0.0, 0.0, 0.1, 0.7]),
        st.sampled_from([0.15, 0.3, 0.6]),
    ),
    min_size=1,
    max_size=40,
).map(lambda found: [(f"{text[0]}{n}{text[1:]}", *rest) for n, (text, *rest) in enumerate(found)])


@settings(max_examples=100, deadline=None)
@given(
    layout=words,
    chunks=st.lists(st.integers(100, 60_000), min_size=1, max_size=6),
    policy=st.sampled_from(POLICIES),
    replaced=st.sets(st.integers(0, 60)),
    failing=st.sets(st.integers(0, 60)),
    max_window_s=st.sampled_from([4.0, 7.0, 30.0]),
)
@example(  # a full window, in which too few words are committed to make room
    layout=[*((f"s{n}", 0.0, 0.3) for n in range(5)), ("last", 0.7, 0.15), ("more", 0.7, 0.6)],
    chunks=[21_334],
    policy=PolicyName.ALIGNATT,
    replaced=set(),
    failing=set(),
    max_window_s=4.0,
)
def test_whatever_happens_no_word_is_lost_doubled_or_changed(
    layout: list[tuple[str, float, float]],
    chunks: list[int],
    policy: PolicyName,
    replaced: set[int],
    failing: set[int],
    max_window_s: float,
) -> None:
    session = made_session(layout)
    engine = ToldEngine(session, max_window_s=max_window_s)
    run = Run(session, engine=engine, policy=policy, vad=False)
    decoded = iter(range(10**6))
    run.fails = lambda step: next(decoded) in failing and not step.final
    number = 0
    while run.fed < len(session.pcm):
        run.feed(chunks[number % len(chunks)])
        if number in replaced:
            run.replace(chunk=chunks[0])
        number += 1
    run.finish()
    assert run.said == session.text
    check_promises(run.told)
    assert all(end - start <= min(max_window_s, 15.0) * RATE for start, end, _ in engine.windows)


def test_long_speech_without_a_pause_or_sentence_moves_on() -> None:
    session = made_session([(f"word{n}", 0.05, 0.3) for n in range(150)])
    run = Run(session, vad=False).all()
    assert run.said == session.text
    assert run.recogniser.buffered_s == 0
    assert max(end - start for start, end, _ in run.engine.windows) <= 15 * RATE
    assert len(run.finals) >= 2


def test_a_window_that_nobody_understands_moves_on() -> None:
    session = made_session([("mumble", 40.0, 0.5)])
    run = Run(session, vad=False).all()
    assert run.said == ["mumble"]
    assert len(run.engine.requests) < 150


class Fickle(ToldEngine):
    """Spells every word anew each time, so that no two hypotheses agree."""

    def decode(self, requests: Sequence[WindowRequest]) -> list[Hypothesis]:
        [request] = requests
        prefix = tuple(plain(word) for word in request.prefix)
        [found] = super().decode([msgspec.structs.replace(request, prefix=prefix)])
        mark = f"~{len(self.requests)}"
        words = (msgspec.structs.replace(word, word=word.word + mark) for word in found.words)
        return [msgspec.structs.replace(found, words=tuple(words))]


def plain(word: Word) -> Word:
    return msgspec.structs.replace(word, word=word.word.partition("~")[0])


@pytest.mark.parametrize("policy", POLICIES)
def test_words_on_which_no_two_hypotheses_agree_are_not_lost(policy: PolicyName) -> None:
    session = made_session([(f"word{n}", 0.05, 0.35) for n in range(60)])
    run = Run(session, engine=Fickle(session), policy=policy, vad=False).all()
    assert [word.partition("~")[0] for word in run.said] == session.text
    check_promises(run.told)


def test_words_at_the_very_begin_of_a_full_window_hold_nothing_up() -> None:
    """Even an engine that puts committed words before the window cannot stop it."""
    session = made_session([(f"w{n}", 0.0, 0.4) for n in range(60)])
    run = Run(session, vad=False)
    steps = 0
    while run.fed < len(session.pcm):
        run.recogniser.accept(session.pcm[run.fed : run.fed + 1_600])
        run.fed += 1_600
        while (step := run.recogniser.next_step()) is not None:
            steps += 1
            assert steps < 500
            at = step.start / RATE
            guess = [msgspec.structs.replace(w, start=at, end=at + 0.1) for w in session.words[:4]]
            found = Hypothesis(words=tuple(guess[len(step.prefix) :]), language="en")
            run.recogniser.apply(step, found)
    assert run.recogniser.buffered_s < 16


@pytest.mark.parametrize("chunk", [400, 16_000, 100_000, len(SPOKEN.pcm)])
def test_the_same_audio_gives_the_same_steps_however_it_comes(chunk: int) -> None:
    in_time, burst = Run(SPOKEN).all(), Run(SPOKEN).all(chunk)
    assert burst.engine.windows == in_time.engine.windows
    assert burst.said == in_time.said


def test_a_recogniser_in_a_hurry_takes_longer_steps() -> None:
    late = Run(SPOKEN)
    late.hurry = True
    late.all(len(SPOKEN.pcm))
    assert late.said == SPOKEN.text
    check_promises(late.told)
    in_time = Run(SPOKEN).all()
    assert len(late.engine.requests) < len(in_time.engine.requests) / 2
    ends: dict[int, int] = {}
    for start, end, _ in late.engine.windows:
        assert end - ends.get(start, start) <= 4.0 * RATE
        ends[start] = end


def test_a_step_comes_again_until_it_is_answered() -> None:
    run = Run(SPOKEN)
    run.recogniser.accept(SPOKEN.pcm[: 2 * RATE])
    one, other = run.recogniser.next_step(), run.recogniser.next_step()
    assert one is not None and other is not None
    assert (one.start, one.end, one.prefix) == (other.start, other.end, other.prefix)


def test_a_skipped_end_keeps_what_was_promised() -> None:
    run = Run(SPOKEN.cut(4.0))
    run.fails = lambda step: step.final
    run.all()
    assert run.said and run.said == SPOKEN.text[: len(run.said)]
    assert run.finals[-1].language == "en"


def test_the_language_is_learnt_once_enough_is_heard_and_anew_after_a_pause() -> None:
    engine = ToldEngine(SPOKEN)
    engine.language = "es"
    run = Run(SPOKEN, engine=engine, language="auto").all()
    assert run.said == SPOKEN.text
    assert {segment.language for segment in run.finals} == {"es"}
    for request in engine.requests:
        if len(request.audio) <= 1.5 * RATE:
            assert request.language is None or request.prefix or request.final
    asked = [request.language for request in engine.requests]
    ends = [n for n, request in enumerate(engine.requests) if request.final]
    assert all(asked[end + 1] is None for end in ends[:-1])
    assert "es" in asked


def test_nothing_heard_teaches_no_language() -> None:
    run = Run(SPOKEN, language="auto")
    run.recogniser.accept(SPOKEN.pcm[: 4 * RATE])
    step = run.recogniser.next_step(hurry=True)
    assert step is not None and step.end - step.start > 1.5 * RATE
    run.recogniser.apply(step, Hypothesis(words=(), language="de"))
    step = run.recogniser.next_step(hurry=True)
    assert step is None or step.language is None


def test_a_given_language_is_asked_for_and_can_be_changed() -> None:
    run = Run(SPOKEN, language="en")
    run.feed(2 * RATE)
    run.config = msgspec.structs.replace(run.config, language="es")
    run.recogniser.configure(run.config)
    run.feed(RATE)
    asked = [request.language for request in run.engine.requests]
    assert asked[0] == "en" and asked[-1] == "es"


def test_the_context_and_then_the_text_before_are_the_prompt() -> None:
    run = Run(SPOKEN, context="A meeting.").all()
    prompts = [request.prompt for request in run.engine.requests]
    assert prompts[0] == "A meeting."
    first_sentences = " ".join(segment.text for segment in run.finals[:-1])
    assert prompts[-1] == first_sentences[-200:]


@pytest.mark.parametrize("policy", [None, *POLICIES])
def test_the_policy_is_as_asked(policy: PolicyName | None) -> None:
    assert Run(SPOKEN, policy=policy).recogniser.policy is (policy or PolicyName.ALIGNATT)


def test_an_engine_that_settles_slowly_gets_more_time() -> None:
    def latest_commit(settle_s: float) -> float:
        run = Run(SPOKEN)
        run.engine.capabilities = msgspec.structs.replace(
            run.engine.capabilities, settle_s=settle_s
        )
        run.recogniser = run._make(None)
        while run.fed < 3 * RATE:
            run.feed(1_600)
        return max(word.end for word in run.told[-1].words if word.committed)

    assert latest_commit(1.5) <= 3.0 - 1.5 < latest_commit(0.0)
