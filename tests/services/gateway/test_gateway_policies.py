"""The gateway's policies, in times and numbers that the tests pass in."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from livetranslate.domain.errors import Conflict, InvalidInput
from livetranslate.services.gateway.balance import SmoothRoundRobin
from livetranslate.services.gateway.breaker import BreakerOptions, BreakerState, CircuitBreaker
from livetranslate.services.gateway.budget import RetryBudget, TokenBucket
from livetranslate.services.gateway.instances import configured, instance_id_of
from livetranslate.services.gateway.retry import RetryPolicy, Sent

WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1)


@given(WEIGHTS)
def test_a_round_gives_each_its_weight_exactly(weights):
    balancer = SmoothRoundRobin()
    rounds = 3 * sum(weights.values())
    chosen = Counter(balancer.choose(weights) for _ in range(rounds))
    assert chosen == {name: 3 * weight for name, weight in weights.items()}


def test_the_heavy_one_is_not_chosen_in_a_row():
    balancer = SmoothRoundRobin()
    chosen = "".join(balancer.choose({"a": 5, "b": 1, "c": 1}) for _ in range(7))
    assert chosen == "aabacaa"


@given(st.lists(st.sets(st.sampled_from("abc"), min_size=1), min_size=1, max_size=60))
def test_only_present_candidates_are_chosen(steps):
    balancer = SmoothRoundRobin()
    for present in steps:
        assert balancer.choose(dict.fromkeys(present, 2)) in present
        balancer.keep(present)


def test_weights_of_three_to_one_hold_while_one_comes_and_goes():
    balancer = SmoothRoundRobin()
    both = {"a": 3, "b": 1}
    chosen: Counter[str] = Counter()
    for step in range(4000):
        if step % 100 < 10:
            balancer.choose({"a": 3})
        else:
            chosen[balancer.choose(both)] += 1
    assert chosen["a"] / chosen["b"] == pytest.approx(3, rel=0.05)


OPTIONS = BreakerOptions(threshold=5, open_s=2.0, longest_open_s=10.0, probes=1)


def fail(breaker: CircuitBreaker, now: float, times: int) -> None:
    for _ in range(times):
        breaker.failed(breaker.admit(now), now)


def test_a_breaker_opens_at_the_fifth_failure_in_a_row():
    breaker = CircuitBreaker(OPTIONS)
    fail(breaker, 0.0, 4)
    breaker.succeeded(breaker.admit(0.0))
    fail(breaker, 0.0, 4)
    assert breaker.state(0.0) is BreakerState.CLOSED
    fail(breaker, 0.0, 1)
    assert breaker.state(0.0) is BreakerState.OPEN
    assert breaker.retry_after_s(0.5) == pytest.approx(1.5)
    with pytest.raises(Conflict):
        breaker.admit(1.9)


def test_a_half_open_breaker_lets_one_probe_through_and_closes_by_it():
    told: list[tuple[BreakerState, BreakerState]] = []
    breaker = CircuitBreaker(OPTIONS, lambda before, after: told.append((before, after)))
    fail(breaker, 0.0, 5)
    probe = breaker.admit(2.0)
    assert not breaker.admits(2.0)
    breaker.succeeded(probe)
    assert breaker.state(2.0) is BreakerState.CLOSED
    states = [BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]
    assert told == list(zip(states, states[1:], strict=False))


def test_the_open_time_grows_with_each_failed_probe_to_its_limit():
    breaker = CircuitBreaker(OPTIONS)
    fail(breaker, 0.0, 5)
    now, pauses = 0.0, []
    for _ in range(5):
        pauses.append(breaker.retry_after_s(now))
        now += pauses[-1]
        fail(breaker, now, 1)
    assert pauses == [2, 4, 8, 10, 10]
    now += 10
    breaker.succeeded(breaker.admit(now))
    fail(breaker, now, 5)
    assert breaker.retry_after_s(now) == 2


def test_an_abandoned_probe_leaves_room_for_the_next():
    breaker = CircuitBreaker(OPTIONS)
    fail(breaker, 0.0, 5)
    breaker.abandoned(breaker.admit(2.0))
    assert breaker.admits(2.0)


def test_a_verdict_of_before_the_last_transition_says_nothing():
    breaker = CircuitBreaker(OPTIONS)
    early = breaker.admit(0.0)
    fail(breaker, 0.0, 5)
    breaker.succeeded(early)
    assert breaker.state(0.0) is BreakerState.OPEN
    breaker.admit(2.0)
    breaker.failed(early, 2.0)
    assert breaker.state(2.0) is BreakerState.HALF_OPEN


class AnyBreaker(RuleBasedStateMachine):
    """Whatever comes in whatever order: never more probes than allowed, never stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = CircuitBreaker(OPTIONS)
        self.now = 0.0
        self.tickets: list[int] = []

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.breaker.admits(self.now))
    @rule()
    def admit(self) -> None:
        self.tickets.append(self.breaker.admit(self.now))

    @precondition(lambda self: bool(self.tickets))
    @rule(which=st.integers(0, 99), verdict=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def judge(self, which: int, verdict: str) -> None:
        ticket = self.tickets.pop(which % len(self.tickets))
        if verdict == "failed":
            self.breaker.failed(ticket, self.now)
        elif verdict == "succeeded":
            self.breaker.succeeded(ticket)
        else:
            self.breaker.abandoned(ticket)

    @invariant()
    def bounds_hold(self) -> None:
        assert 0 <= self.breaker._probing <= OPTIONS.probes
        assert 0 <= self.breaker.retry_after_s(self.now) <= OPTIONS.longest_open_s
        if self.breaker.state(self.now) is BreakerState.HALF_OPEN and not self.breaker._probing:
            assert self.breaker.admits(self.now)


TestAnyBreaker = AnyBreaker.TestCase


@given(st.lists(st.floats(0, 5), max_size=200))
def test_a_bucket_never_gives_more_than_burst_and_rate_allow(pauses):
    bucket = TokenBucket(rate=2.0, burst=5.0, now=0.0)
    now, given_out = 0.0, 0
    for pause in pauses:
        now += pause
        given_out += bucket.take(now)
        assert given_out <= 5 + 2 * now + 1e-6


def test_a_bucket_says_when_there_is_a_token():
    bucket = TokenBucket(rate=2.0, burst=1.0, now=0.0)
    assert bucket.take(0.0)
    assert bucket.wait_s(0.0) == pytest.approx(0.5)
    assert not bucket.take(0.49)
    assert bucket.take(0.5)


def test_retries_stay_a_fifth_of_the_requests():
    budget = RetryBudget(share=0.2, reserve=10)
    retries = 0
    for _ in range(1000):
        budget.earn()
        retries += sum(budget.spend() for _ in range(3))
    assert retries == pytest.approx(200 + 10, abs=2)


@pytest.mark.parametrize(
    ("method", "sent", "again"),
    [
        ("GET", Sent.HEAD, True),
        ("HEAD", Sent.HEAD, True),
        ("PUT", Sent.NOTHING, True),
        ("PUT", Sent.BODY, False),
        ("POST", Sent.HEAD, False),
        ("POST", Sent.NOTHING, True),
        ("PATCH", Sent.BODY, False),
    ],
)
def test_only_what_may_be_received_twice_is_sent_again(method, sent, again):
    assert RetryPolicy().again(method, sent, 0) is again


def test_retries_end_and_their_pauses_grow():
    policy = RetryPolicy(attempts=2, first_pause_s=0.1, longest_pause_s=0.3)
    assert [policy.again("GET", Sent.NOTHING, tries) for tries in range(3)] == [True, True, False]
    assert [policy.pause_s(tries, 1.0) for tries in range(3)] == pytest.approx([0.1, 0.2, 0.3])
    assert policy.pause_s(1, 0.5) == pytest.approx(0.1)


def test_configured_addresses_carry_weights():
    first, second = configured("whisper", ("http://a:1/;weight=3", "http://b:2"))
    assert (first.url, first.weight, second.weight) == ("http://a:1", 3, 1)
    assert first.instance_id == instance_id_of("whisper", "http://a:1")


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "http://u:p@a", "http://a/?x=1", "http://a b", "http://a:99999"]
)
def test_an_address_that_cannot_be_is_refused(url):
    with pytest.raises(InvalidInput):
        configured("whisper", (url,))
