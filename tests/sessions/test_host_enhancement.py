"""Presets in live sessions: refused where unknown, changed on the way, the same after any death."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from livetranslate.audio.enhancement.enhancer import Enhancer, Pcm
from livetranslate.audio.enhancement.parameters import AudioParameters
from livetranslate.audio.enhancement.presets import PRESETS, NamedPresets
from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.events import SessionError, SessionEvent, SessionUpdated
from livetranslate.domain.session import ConfigUpdate, SessionConfig
from livetranslate.sessions.host.host import SessionHost
from livetranslate.sessions.manager import SessionManager
from support.hosting import EPOCH, HostLog, Listener, Stage, said
from support.told_speech import ToldEngine, ToldSession, real_session

SPOKEN = real_session("en_25", "en_04", "en_12")
RATE = 16_000
CHANGES = ((2.6, "broadcast"), (5.0, None), (7.3, "music_off"))
"""When another preset is asked for, in seconds of audio."""


def enhanced() -> Pcm:
    """What the recogniser must hear of SPOKEN."""
    enhancer = Enhancer()
    enhancer.configure(PRESETS["noisy"])
    output: list[Pcm] = []
    begin = 0
    for at_s, preset in (*CHANGES, (len(SPOKEN.pcm) / RATE, None)):
        end = round(at_s * RATE)
        output.append(enhancer.accept(SPOKEN.pcm[begin:end]))
        enhancer.configure(PRESETS[preset or "default"])
        begin = end
    return np.concatenate((*output, enhancer.finish()))


class Feeder:
    """A connection."""

    def taken_over(self, session_id: str) -> None:
        raise AssertionError(session_id)


ENHANCED = ToldSession(enhanced(), SPOKEN.words)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A stage whose engine fails if it is given anything but the enhanced samples."""
    made = Stage(ToldEngine(ENHANCED))
    yield made
    await made.close()


async def feed(stage: Stage) -> None:
    begin_s = 0.0
    for at_s, preset in CHANGES:
        await stage.feed(SPOKEN.cut(at_s), since_s=begin_s)
        await stage.log.append_update("s1", ConfigUpdate(preset=preset))
        begin_s = at_s
    await stage.feed(SPOKEN, since_s=begin_s)
    await stage.end()


def errors(events: list[SessionEvent]) -> list[str]:
    return [event.message for event in events if isinstance(event, SessionError)]


async def test_a_preset_changes_what_the_recogniser_hears_and_a_change_is_told(stage: Stage):
    await stage.open(preset="noisy")
    listener = Listener(stage.log)
    await feed(stage)
    await (await stage.host()).run()
    events = await listener.all()
    assert errors(events) == []
    assert said(events) == SPOKEN.text
    updates = [event.config for event in events if isinstance(event, SessionUpdated)]
    assert [update.preset for update in updates] == [preset for _, preset in CHANGES]


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("first", range(2))
async def test_another_host_goes_on_with_the_very_same_samples(
    stage: Stage, first: int, written: bool
):
    """Hosts die at their first, second … write; the engine checks each sample."""
    await stage.open(preset="noisy")
    listener = Listener(stage.log)
    await feed(stage)
    died, at = 0, first
    while await stage.killed(HostLog(stage.log, die_at=at, written=written, one_by_one=True)):
        died += 1
        at = 1 + (at * 5 + 3) % 11
    events = await listener.all()
    assert died >= 5
    assert errors(events) == []
    assert said(events) == SPOKEN.text


async def test_an_unknown_preset_is_told_with_the_known_ones_and_the_rest_is_done(stage: Stage):
    await stage.open(preset="noisy")
    await stage.log.append_update("s1", ConfigUpdate(preset="loud", context="weather"))
    await stage.end()
    await (await stage.host()).run()
    events = await stage.events()
    [message] = errors(events)
    assert "'loud'" in message and "broadcast, default, meeting" in message
    [update] = [event.config for event in events if isinstance(event, SessionUpdated)]
    assert update == ConfigUpdate(context="weather")


async def test_an_edge_refuses_an_unknown_preset_at_start_and_later(stage: Stage):
    manager = SessionManager(stage.log)
    feeder = Feeder()
    with pytest.raises(InvalidInput, match="telephony") as refused:
        await manager.open("s1", SessionConfig(preset="loud"), kind="api", feeder=feeder)
    assert refused.value.field == "config.preset"
    await manager.open("s1", SessionConfig(preset="meeting"), kind="api", feeder=feeder)
    with pytest.raises(InvalidInput, match="telephony"):
        await manager.update("s1", ConfigUpdate(preset="loud"))
    await manager.update("s1", ConfigUpdate(preset=None))


async def test_presets_that_change_under_a_session_are_applied_and_a_lost_one_is_told(
    stage: Stage,
):
    """The provider is asked at each chunk: no update of the session is needed."""

    class Changing:
        asked = 0

        def parameters(self, preset: str | None) -> AudioParameters:
            self.asked += 1
            assert preset == "mine"
            if self.asked > 60:
                return NamedPresets({}).parameters(preset)
            return PRESETS["noisy" if self.asked <= 26 else "default"]

    enhancer = Enhancer()
    enhancer.configure(PRESETS["noisy"])
    before = enhancer.accept(SPOKEN.pcm[: 26 * 1600])
    enhancer.configure(PRESETS["default"])
    heard = np.concatenate((before, enhancer.accept(SPOKEN.pcm[26 * 1600 :])))
    other = Stage(ToldEngine(ToldSession(heard, SPOKEN.words)))
    await other.open(preset="mine")
    await other.feed(SPOKEN)
    await other.end()
    listener = Listener(other.log)
    claim = await other.log.claim("w1")
    assert claim is not None
    presets = Changing()
    await SessionHost(
        claim,
        other.log,
        other.models,
        other.translation,
        options=other.options,
        now=lambda: EPOCH,
        presets=presets,
    ).run()
    events = await listener.all()
    await other.close()
    assert presets.asked > 60
    assert said(events) == SPOKEN.text
    assert len(errors(events)) == 1 and "'mine'" in errors(events)[0]
