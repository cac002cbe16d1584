"""The correlation policy: the order of trust, counting, and what is announced of the past."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.speakers import SpeakerEvidence, SpeakerSource, check_evidence
from livetranslate.speakers.correlating import Correlator, CorrelatorState, Said

NAMES = [one for one in SpeakerSource if one is not SpeakerSource.DIARIZATION]


def said(number: int, speaker: str | None = "SPEAKER_00", text: str = "hello there") -> Said:
    return Said(f"seg-{number:05d}", 4.0 * number, 4.0 * number + 3.0, text, speaker)


def direct(source: SpeakerSource, name: str, speaker: str = "SPEAKER_00") -> SpeakerEvidence:
    return SpeakerEvidence(source=source, speaker_name=name, speaker_id=speaker)


def spoke(
    name: str, start: float, end: float, source: SpeakerSource = SpeakerSource.ACTIVE_SPEAKER
) -> SpeakerEvidence:
    return SpeakerEvidence(
        source=source, speaker_name=name, external_id=f"id-{name}", start=start, end=end
    )


def name_of(correlator: Correlator, speaker: str = "SPEAKER_00") -> str | None:
    found = correlator.of(speaker)
    return found.speaker_name if found else None


@pytest.mark.parametrize(("better", "worse"), list(itertools.combinations(NAMES, 2)))
def test_a_more_trusted_source_wins_in_either_order(
    better: SpeakerSource, worse: SpeakerSource
) -> None:
    first = Correlator()
    first.take(direct(better, "Anna"))
    first.announced()
    first.take(direct(worse, "Bob"))
    assert name_of(first) == "Anna" and not first.changed
    second = Correlator()
    second.take(direct(worse, "Bob"))
    second.announced()
    second.take(direct(better, "Anna"))
    assert name_of(second) == "Anna"
    assert [one.method for one in second.changed] == [better]


def test_of_two_manual_names_the_later_counts() -> None:
    correlator = Correlator()
    correlator.take(direct(SpeakerSource.MANUAL, "Anna"))
    correlator.take(direct(SpeakerSource.MANUAL, "Anne"))
    assert name_of(correlator) == "Anne"


def test_active_speaker_counts_by_overlap_whichever_comes_first() -> None:
    correlator = Correlator()
    correlator.hear(said(0))
    correlator.take(spoke("Anna", 0.0, 3.0))
    correlator.take(spoke("Bob", 4.0, 4.9))
    correlator.hear(said(1))
    found = correlator.of("SPEAKER_00")
    assert found is not None and (found.speaker_name, found.external_id) == ("Anna", "id-Anna")
    assert found.confidence == pytest.approx(3.0 / 3.9, abs=1e-3)
    assert found.evidence["count"] == 1


def test_a_glimpse_and_a_tie_name_nobody() -> None:
    correlator = Correlator()
    correlator.hear(said(0))
    correlator.take(spoke("Anna", 0.0, 0.8))
    assert name_of(correlator) is None
    correlator = Correlator()
    correlator.hear(said(0))
    for name, start in (("Anna", 0.0), ("Bob", 1.5)):
        correlator.take(spoke(name, start, start + 1.5))
    found = correlator.of("SPEAKER_00")
    assert found is None or found.confidence != 0.5


def test_captions_count_by_likeness_of_their_text() -> None:
    correlator = Correlator()
    correlator.hear(said(0, text="We will meet at the hotel at half past three."))
    correlator.hear(said(1, "SPEAKER_01", text="Please call Mister Clark later."))
    caption = SpeakerEvidence(
        source=SpeakerSource.CAPTIONS, speaker_name="Anna", text="we will meat at the hotel at half"
    )
    correlator.take(caption)
    assert name_of(correlator) == "Anna"
    assert name_of(correlator, "SPEAKER_01") is None


def test_without_labels_segments_are_named_by_time() -> None:
    correlator = Correlator()
    assert correlator.hear(said(0, None)) is None
    correlator.take(spoke("Anna", 0.0, 3.0))
    assert [(one, who.speaker_name) for one, who in correlator.timed.items()] == [
        ("seg-00000", "Anna")
    ]
    correlator.announced()
    correlator.take(spoke("Bob", 0.0, 3.0, SpeakerSource.CAPTIONS))
    assert not correlator.timed
    correlator.take(spoke("Bob", 4.0, 7.0, SpeakerSource.TRACK))
    found = correlator.hear(said(1, None))
    assert found is not None and (found.speaker_id, found.speaker_name) == ("id-Bob", "Bob")


def test_two_labels_that_are_one_share_what_is_known() -> None:
    correlator = Correlator()
    correlator.hear(said(0, "SPEAKER_01"))
    correlator.take(direct(SpeakerSource.MANUAL, "Anna", "SPEAKER_01"))
    correlator.announced()
    correlator.merge("SPEAKER_01", "SPEAKER_00")
    assert name_of(correlator) == "Anna" and name_of(correlator, "SPEAKER_01") is None
    assert [one.speaker_id for one in correlator.changed] == ["SPEAKER_00"]


evidence = st.one_of(
    st.builds(direct, st.sampled_from(NAMES), st.sampled_from("AB"), st.sampled_from("xy")),
    st.builds(
        lambda name, at, source: spoke(name, at, at + 2.0, source),
        st.sampled_from("AB"),
        st.floats(0, 30),
        st.sampled_from(NAMES),
    ),
)
step = st.one_of(evidence, st.builds(said, st.integers(0, 8), st.sampled_from(["x", "y", None])))


@given(st.lists(step, max_size=30), st.integers(0, 30))
def test_going_on_from_the_state_changes_nothing_and_trust_never_falls(
    steps: list[SpeakerEvidence | Said], at: int
) -> None:
    whole, parted = Correlator(), Correlator()
    ranks: dict[str, int] = {}
    for number, one in enumerate(steps):
        if number == at:
            data = msgspec.msgpack.encode(parted.state())
            parted = Correlator(msgspec.msgpack.decode(data, type=CorrelatorState))
        for correlator in (whole, parted):
            if isinstance(one, Said):
                correlator.hear(one)
            else:
                correlator.take(one)
        for known in whole.state().known:
            assert known.method.rank <= ranks.get(known.speaker_id, 99)
            ranks[known.speaker_id] = known.method.rank
    assert whole.state() == parted.state()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("speaker_name", {"speaker_name": "  "}),
        ("speaker_name", {"speaker_name": "x" * 201}),
        ("speaker_id", {"speaker_id": None}),
        ("end", {"start": 1.0}),
        ("start", {"start": 2.0, "end": 1.0}),
        ("start", {"start": float("nan"), "end": 1.0}),
        ("confidence", {"confidence": 1.5}),
        ("source", {"source": SpeakerSource.DIARIZATION}),
    ],
)
def test_evidence_that_makes_no_sense_is_refused(field: str, changes: dict[str, object]) -> None:
    good = direct(SpeakerSource.MANUAL, "Anna")
    with pytest.raises(InvalidInput) as error:
        check_evidence(msgspec.structs.replace(good, **changes))
    assert error.value.field == field
