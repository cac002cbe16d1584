"""The streaming policies: what they promise, and what they must never promise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.asr.policy import PolicyOptions, StreamingPolicy, make_policy, normalise
from livetranslate.domain.session import PolicyName
from livetranslate.domain.speech import Word
from support.words import spoken

POLICIES = list(PolicyName)
THRESHOLD_S = 0.5

SENTENCE = "ada bob cat dog eel fox"
texts = st.builds(
    lambda count, last: " ".join([*SENTENCE.split()[:count], *last]),
    st.integers(0, 6),
    st.sampled_from([(), (), ("fig",), ("gnu", "cat")]),
)
hypotheses = st.lists(texts, min_size=1, max_size=8)


def feed(policy: StreamingPolicy, text: str, end_s: float, *, final: bool = False) -> int:
    return policy.commit(spoken(text), audio_end_s=end_s, final=final)


def play(policy: StreamingPolicy, stream: list[str], end_s: float = 60.0) -> list[list[str]]:
    """Feed hypotheses of the whole utterance; each is cut to what is behind the committed words."""
    done: list[list[str]] = [[]]
    for text in stream:
        behind = text.split()[len(done[-1]) :]
        count = feed(policy, " ".join(behind), end_s)
        assert 0 <= count <= len(behind)
        done.append(done[-1] + behind[:count])
    return done[1:]


@pytest.mark.parametrize("name", POLICIES)
@given(stream=hypotheses, last=texts)
def test_the_end_commits_everything(name: PolicyName, stream: list[str], last: str) -> None:
    policy = make_policy(name, PolicyOptions())
    play(policy, stream)
    assert feed(policy, last, 0.0, final=True) == len(last.split())


@given(stream=hypotheses, depth=st.integers(2, 4))
def test_local_agreement_commits_the_common_prefix(stream: list[str], depth: int) -> None:
    policy = make_policy(PolicyName.LOCAL_AGREEMENT, PolicyOptions(agreement=depth))
    committed = 0
    for number in range(len(stream)):
        newest = [other.split() for other in stream[max(0, number + 1 - depth) : number + 1]]
        words = newest[-1][committed:]
        expected = 0
        if len(newest) == depth:
            tails = [tail[committed:] for tail in newest]
            while expected < min(map(len, tails)) and len({t[expected] for t in tails}) == 1:
                expected += 1
        assert feed(policy, " ".join(words), 60.0) == expected
        committed += expected


@given(stream=hypotheses, end_s=st.floats(0, 4))
def test_alignatt_commits_what_stood_before_and_ended_in_time(
    stream: list[str], end_s: float
) -> None:
    policy = make_policy(PolicyName.ALIGNATT, PolicyOptions(frame_threshold_s=THRESHOLD_S))
    before: list[str] = []
    for text in stream:
        words = spoken(text)
        count = policy.commit(words, audio_end_s=end_s, final=False)
        shared = next(
            (n for n, (a, b) in enumerate(zip(text.split(), before, strict=False)) if a != b),
            min(len(words), len(before)),
        )
        in_time = sum(word.end <= end_s - THRESHOLD_S for word in words)
        assert count == min(shared, in_time)
        before = text.split()[count:]


@pytest.mark.parametrize(("end_s", "count"), [(0.99, 0), (1.0, 1), (1.49, 1), (1.5, 2), (9.0, 2)])
def test_alignatt_trusts_what_ended_long_enough_before_the_end(end_s: float, count: int) -> None:
    policy = make_policy(PolicyName.ALIGNATT, PolicyOptions(frame_threshold_s=0.5))
    feed(policy, "one two", end_s)
    assert feed(policy, "one two", end_s) == count


def test_alignatt_takes_as_many_confirmations_as_asked() -> None:
    policy = make_policy(PolicyName.ALIGNATT, PolicyOptions(confirmations=2))
    assert [feed(policy, "one two", 9.0) for _ in range(3)] == [0, 0, 2]
    alone = make_policy(PolicyName.ALIGNATT, PolicyOptions(confirmations=0))
    assert feed(alone, "one two", 9.0) == 2


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(
    ("one", "other"), [("hello there", "Hello, there."), ("ya está", "¡Ya está!"), ("it's", "It's")]
)
def test_case_and_punctuation_are_no_disagreement(name: PolicyName, one: str, other: str) -> None:
    policy = make_policy(name, PolicyOptions())
    feed(policy, one, 60.0)
    assert feed(policy, other, 60.0) == len(other.split())


@pytest.mark.parametrize("name", POLICIES)
def test_another_word_is_one(name: PolicyName) -> None:
    policy = make_policy(name, PolicyOptions())
    feed(policy, "a b c", 60.0)
    assert feed(policy, "a x c", 60.0) == 1


@pytest.mark.parametrize("name", POLICIES)
def test_a_new_utterance_agrees_with_nothing_of_the_old(name: PolicyName) -> None:
    policy = make_policy(name, PolicyOptions())
    feed(policy, "a b", 60.0)
    policy.reset()
    assert feed(policy, "a b", 60.0) == 0
    feed(policy, "a b", 60.0, final=True)
    assert feed(policy, "a b", 60.0) == 0


@pytest.mark.parametrize("name", POLICIES)
@given(stream=hypotheses, rest=hypotheses)
def test_another_policy_goes_on_from_the_history(
    name: PolicyName, stream: list[str], rest: list[str]
) -> None:
    one = make_policy(name, PolicyOptions())
    for text in stream:
        feed(one, text, 2.5)
    other = make_policy(name, PolicyOptions(), one.history())
    assert [feed(one, text, 2.5) for text in rest] == [feed(other, text, 2.5) for text in rest]


@pytest.mark.parametrize("mark", ["...", "?", "-"])
def test_a_word_of_marks_alone_stays_itself(mark: str) -> None:
    assert normalise(mark) == mark


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_says_its_name(name: PolicyName) -> None:
    assert make_policy(name, PolicyOptions()).name is name
    assert make_policy(name, PolicyOptions()).commit([], audio_end_s=1.0, final=False) == 0
    assert Word("a", 0.0, 0.1).committed is False
