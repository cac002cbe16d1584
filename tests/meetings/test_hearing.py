"""Blocks from the page: one clock without gaps, and silence that is noticed. Who spoke when."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.domain.errors import InvalidInput
from livetranslate.meetings.attribution import Attribution, Basis, Spoke
from livetranslate.meetings.hearing import (
    BLOCK_BYTES,
    BLOCK_S,
    Block,
    Channel,
    Deafness,
    Unbroken,
    decode_block,
)

PCM = bytes(BLOCK_BYTES)
NAMES = {"a": "Ana", "b": "Ben", "c": "Chi"}


def wire(**changes: object) -> str:
    block = {"seq": 3, "pcm": b64encode(PCM).decode(), "channels": [], "speaking": ["a"]}
    return json.dumps({**block, **changes})


def test_a_block_is_read():
    channel = {"track": "t", "level": 0.5, "sources": ["7"]}
    block = decode_block(wire(channels=[channel]))
    assert block == Block(3, PCM, (Channel("t", 0.5, ("7",)),), ("a",))


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", wire(seq=-1), wire(seq="x"), wire(pcm="!!"), wire(pcm="AAAA"), wire(pcm=1)],
)
def test_nonsense_is_refused(text: str):
    with pytest.raises(InvalidInput):
        decode_block(text)


@given(st.sets(st.integers(0, 150), min_size=1))
def test_the_clock_never_breaks(seqs: set[int]):
    unbroken = Unbroken()
    out = [one for seq in sorted(seqs) for one in unbroken.take(Block(seq, b"x" * BLOCK_BYTES))]
    assert [one.seq for one in out] == list(range(max(seqs) + 1))
    assert [one.seq for one in out if one.pcm != PCM] == sorted(seqs)
    assert unbroken.missing == max(seqs) + 1 - len(seqs)
    assert unbroken.take(Block(max(seqs), PCM)) == ()


def test_a_new_page_counts_anew():
    unbroken = Unbroken()
    unbroken.take(Block(0, PCM))
    unbroken.new_page()
    assert [one.seq for one in unbroken.take(Block(0, PCM))] == [0]
    assert unbroken.missing == 0


def test_others_speak_and_nothing_is_heard():
    deafness = Deafness(after_s=1.0)
    changes = [deafness.take(Block(seq, PCM, speaking=("a",))) for seq in range(10)]
    assert changes.index(True) == 6
    assert deafness.deaf
    assert deafness.take(Block(10, PCM, (Channel("t", 0.1),), ("a",)))
    assert not deafness.deaf


def test_silence_alone_is_no_deafness():
    deafness = Deafness(after_s=1.0)
    assert not any(deafness.take(Block(seq, PCM)) for seq in range(100))


def told(script: str, *, sources: bool = False) -> list[Spoke]:
    """Run one channel's script: a letter is who really speaks, ``.`` is silence.

    The page shows a speaker one block late and for one block too long.
    """
    attribution = Attribution(NAMES.get)
    found: list[Spoke] = []
    for index, who in enumerate(script):
        shown = {one for one in script[max(0, index - 2) : index] if one in NAMES}
        heard = (Channel("t", 0.1, (who.upper(),) if sources else ()),) if who != "." else ()
        block = Block(index, PCM, heard, tuple(sorted(shown)))
        found += attribution.take(block, index * BLOCK_S)
    return found + attribution.rest()


def test_a_channel_that_rotates_between_people():
    found = told("..aaaaaaaa....bbbbbbbbb....ccccccc...aaaaaaaaa....")
    assert [one.name for one in found] == ["Ana", "Ben", "Chi", "Ana"]
    assert [round(one.start / BLOCK_S) for one in found] == [2, 14, 27, 37]
    assert [round(one.end / BLOCK_S) for one in found] == [10, 23, 34, 46]
    assert {one.basis for one in found} == {Basis.ACTIVE_SPEAKER}


def test_a_contributing_source_is_learnt_and_then_trusted():
    found = told("..aaaaaaaa.....bbbbbbbb.....aaa....", sources=True)
    assert [one.name for one in found] == ["Ana", "Ben", "Ana"]
    assert found[2].basis is Basis.TRACK


def test_long_speech_is_named_while_it_goes_on():
    found = told("." + "a" * 100)
    assert len(found) >= 3
    assert {one.name for one in found} == {"Ana"}


def test_whom_the_page_does_not_name_is_nobody():
    attribution = Attribution({}.get)
    for index in range(20):
        block = Block(index, PCM, (Channel("t", 0.1),), ("x",))
        assert attribution.take(block, index * BLOCK_S) == []
    assert attribution.rest() == []
