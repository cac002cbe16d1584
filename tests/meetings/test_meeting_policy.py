"""The bot's judgement: every ending, the order of the checks, and what never fools it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.domain.errors import Conflict
from livetranslate.meetings.observation import Observation, Participant, Sign
from livetranslate.meetings.policy import Act, MeetingPolicy, Patience, Verdict
from livetranslate.meetings.states import BotState, EndCause

PATIENCE = Patience(join_s=60, help_s=20, lobby_s=100, alone_s=30, empty_s=90, lost_s=10)
SELF = Participant(id="me", name="Captions", is_self=True)
ANA = Participant(id="a", name="Ana")
OTHER_BOT = Participant(id="b", name="Captions")
CALL = frozenset({Sign.IN_CALL})


def policy() -> MeetingPolicy:
    return MeetingPolicy(PATIENCE, lambda one: one.name == "Captions")


def seen(*signs: Sign, people: tuple[Participant, ...] = ()) -> Observation:
    return Observation(signs=frozenset(signs), participants=people)


def in_call(*people: Participant) -> Observation:
    return seen(Sign.IN_CALL, people=(SELF, *people))


def active(now: float = 0.0) -> MeetingPolicy:
    judge = policy()
    assert judge.judge(in_call(ANA), now) == Verdict(BotState.ACTIVE)
    return judge


def test_the_way_in():
    judge = policy()
    assert judge.judge(seen(), 1000.0) == Verdict(BotState.JOINING)
    asked = judge.judge(seen(Sign.PREJOIN), 1001.0)
    assert asked == Verdict(BotState.JOINING, act=Act.ASK_TO_JOIN)
    assert judge.judge(seen(Sign.PREJOIN), 1002.0).act is Act.NONE
    assert judge.judge(seen(Sign.LOBBY), 1003.0).state is BotState.AWAITING_ADMISSION
    assert judge.judge(in_call(ANA), 1050.0) == Verdict(BotState.ACTIVE)


def test_a_lobby_with_the_controls_of_a_call_is_a_lobby():
    judge = policy()
    for now in range(0, 90, 10):
        verdict = judge.judge(seen(Sign.LOBBY, Sign.IN_CALL, people=(SELF, ANA)), now)
        assert verdict.state is BotState.AWAITING_ADMISSION
    assert not judge.was_active


@pytest.mark.parametrize(
    ("sign", "cause"),
    [
        (Sign.REFUSED, EndCause.REFUSED),
        (Sign.TIMED_OUT, EndCause.TIMED_OUT),
        (Sign.BLOCKED, EndCause.BLOCKED),
        (Sign.NOT_FOUND, EndCause.NOT_FOUND),
        (Sign.ENDED, EndCause.MEETING_ENDED),
        (Sign.REMOVED, EndCause.REMOVED),
    ],
)
def test_what_the_page_says_before_admission_fails_the_bot(sign: Sign, cause: EndCause):
    judge = policy()
    judge.judge(seen(Sign.LOBBY), 0.0)
    assert judge.judge(seen(sign), 1.0) == Verdict(BotState.FAILED, cause)


@given(st.sets(st.sampled_from([sign for sign in Sign if sign is not Sign.REFUSED])))
def test_an_explicit_refusal_comes_first(others: set[Sign]):
    verdict = policy().judge(Observation(signs=frozenset({Sign.REFUSED, *others})), 0.0)
    assert verdict == Verdict(BotState.FAILED, EndCause.REFUSED)


@given(st.sets(st.sampled_from([sign for sign in Sign if sign not in (Sign.LOBBY, Sign.PREJOIN)])))
def test_words_inside_a_call_end_nothing(words: set[Sign]):
    judge = active()
    verdict = judge.judge(Observation(signs=frozenset(words) | CALL, participants=(SELF, ANA)), 1.0)
    assert verdict == Verdict(BotState.ACTIVE)


@pytest.mark.parametrize(
    ("sign", "end"),
    [
        (Sign.REMOVED, Verdict(BotState.FAILED, EndCause.REMOVED)),
        (Sign.ENDED, Verdict(BotState.COMPLETED, EndCause.MEETING_ENDED)),
    ],
)
def test_the_end_of_a_call(sign: Sign, end: Verdict):
    assert active().judge(seen(sign), 1.0) == end


def test_waiting_ends():
    judge = policy()
    judge.judge(seen(Sign.LOBBY), 0.0)
    assert judge.judge(seen(Sign.LOBBY), 99.0).state is BotState.AWAITING_ADMISSION
    assert judge.judge(seen(Sign.LOBBY), 100.0) == Verdict(BotState.LEAVING, EndCause.TIMED_OUT)


def test_a_page_that_offers_no_way_in_needs_help_and_then_fails():
    judge = policy()
    judge.judge(seen(), 0.0)
    assert judge.judge(seen(), 19.0).state is BotState.JOINING
    assert judge.judge(seen(), 20.0) == Verdict(BotState.NEEDS_HELP)
    assert judge.judge(seen(), 60.0) == Verdict(BotState.FAILED, EndCause.TIMED_OUT)
    assert policy().judge(seen(Sign.SIGN_IN), 0.0) == Verdict(BotState.NEEDS_HELP)


def test_only_bots_left_is_alone():
    judge = active()
    assert judge.judge(in_call(OTHER_BOT), 1.0) == Verdict(BotState.ACTIVE)
    assert judge.judge(in_call(OTHER_BOT), 30.0) == Verdict(BotState.LEAVING, EndCause.ALONE)


def test_somebody_who_comes_back_keeps_the_bot():
    judge = active()
    judge.judge(in_call(), 29.0)
    judge.judge(in_call(ANA), 29.5)
    assert judge.judge(in_call(), 59.0) == Verdict(BotState.ACTIVE)
    assert judge.judge(in_call(), 59.5) == Verdict(BotState.LEAVING, EndCause.ALONE)


def test_the_first_to_come_waits_longer():
    judge = policy()
    judge.judge(in_call(), 0.0)
    assert judge.judge(in_call(), 89.0) == Verdict(BotState.ACTIVE)
    assert judge.judge(in_call(), 90.0) == Verdict(BotState.LEAVING, EndCause.ALONE)


def test_a_call_that_is_gone_without_a_word_is_opened_anew():
    judge = active()
    assert judge.judge(seen(), 1.0) == Verdict(BotState.ACTIVE)
    assert judge.judge(in_call(ANA), 5.0) == Verdict(BotState.ACTIVE)
    assert judge.judge(seen(), 6.0) == Verdict(BotState.ACTIVE)
    assert judge.judge(seen(), 16.0).act is Act.START_OVER
    judge.start_over(17.0)
    assert judge.judge(seen(Sign.PREJOIN), 18.0).act is Act.ASK_TO_JOIN


def test_states_follow_only_where_they_may():
    for end in (BotState.COMPLETED, BotState.FAILED):
        assert end.over
        for state in BotState:
            if state is not end:
                with pytest.raises(Conflict):
                    end.to(state)
    with pytest.raises(Conflict):
        BotState.LEAVING.to(BotState.ACTIVE)
