"""A live session when the installation's configuration changes, and what it cannot change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from livetranslate.audio.enhancement.enhancer import Enhancer
from livetranslate.audio.enhancement.presets import PRESETS
from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.events import SessionEvent, SessionUpdated
from livetranslate.domain.session import ConfigUpdate
from livetranslate.sessions.configuration.memory import MemoryConfiguration
from livetranslate.sessions.configuration.presets import FollowedPresets
from livetranslate.sessions.host.host import SessionHost
from support.clock import EPOCH
from support.hosting import HostLog, Listener, Stage, said
from support.told_speech import ToldEngine, ToldSession, real_session

SPOKEN = real_session("en_25", "en_04")
CHANGE_S = 3.0


def enhanced(first: str, second: str) -> ToldSession:
    enhancer, cut = Enhancer(), round(CHANGE_S * 16_000)
    enhancer.configure(PRESETS[first])
    output = [enhancer.accept(SPOKEN.pcm[:cut])]
    enhancer.configure(PRESETS[second])
    output += [enhancer.accept(SPOKEN.pcm[cut:]), enhancer.finish()]
    return ToldSession(np.concatenate(output), SPOKEN.words)


class Configured(Stage):
    """A stage whose hosts follow a shared configuration.

    Attributes:
        store: The configuration.
        presets: What the hosts have of it.
    """

    def __init__(self, told: ToldSession) -> None:
        super().__init__(ToldEngine(told))
        self.store = MemoryConfiguration()
        self.presets = FollowedPresets(self.store)

    async def configure(self, **audio: Any) -> None:
        now = await self.store.read(-1)
        assert now is not None
        values = {f"audio.{name}": value for name, value in audio.items()}
        await self.store.publish(
            now.follow(values, by="test", at=datetime.now(UTC)), expected=now.version
        )
        found = await self.store.read(-1)
        assert found is not None
        self.presets._follower.take(found)

    async def host(self, log: Any = None) -> SessionHost:
        claim = await self.log.claim(f"w{next(self._names)}")
        assert claim is not None
        return SessionHost(
            claim,
            log or self.log,
            self.models,
            self.translation,
            options=self.options,
            now=lambda: EPOCH,
            presets=self.presets,
        )


@pytest.fixture
async def stage() -> AsyncIterator[Configured]:
    """The engine fails if it is given anything but the audio by noisy, then by broadcast."""
    made = Configured(enhanced("noisy", "broadcast"))
    yield made
    await made.presets.close()
    await made.close()


def updates(events: list[SessionEvent]) -> list[SessionUpdated]:
    return [event for event in events if isinstance(event, SessionUpdated)]


class Heard(HostLog):
    """A log that changes the configuration once the host has heard so much.

    It hands out what was said before the change, and only then the rest.
    """

    def __init__(self, stage: Configured) -> None:
        super().__init__(stage.log, one_by_one=True)
        self._stage = stage
        self._done = False

    async def read_entries(self, session_id: str, after: int, **options: Any) -> Any:
        entries = await super().read_entries(session_id, after, **options)
        begins = entries[0].chunk.start if entries and hasattr(entries[0], "chunk") else 0
        if not self._done and begins >= CHANGE_S * 16_000:
            self._done = True
            await self._stage.configure(preset="broadcast")
        return entries


async def test_a_changed_preset_is_in_force_with_the_next_chunk_and_told_once(
    stage: Configured,
) -> None:
    await stage.configure(preset="noisy")
    await stage.open()
    listener = Listener(stage.log)
    await stage.feed(SPOKEN)
    await stage.end()
    await (await stage.host(Heard(stage))).run()
    events = await listener.all()
    assert said(events) == SPOKEN.text
    [told] = updates(events)
    assert told.config == ConfigUpdate()
    assert told.audio is not None and told.audio.preset == "broadcast"
    assert told.audio.parameters["high_pass"]["enabled"] is True
    assert told.needs_new_session == ()


async def test_a_session_with_a_preset_of_its_own_keeps_it(stage: Configured) -> None:
    await stage.configure(preset="meeting")
    await stage.open(preset="noisy")
    await stage.feed(SPOKEN.cut(1.0))
    await stage.log.append_update("s1", ConfigUpdate(preset=None))
    await stage.end()
    await stage.configure(preset="telephony")
    await (await stage.host()).run()
    [told] = updates(await stage.events())
    assert told.config == ConfigUpdate(preset=None)
    assert told.audio is not None and told.audio.preset == "telephony"


async def test_what_needs_a_new_session_is_named_and_the_rest_is_done(stage: Configured) -> None:
    await stage.open(diarization=True)
    wanted = ConfigUpdate(
        context="weather", model="large", diarization=True, encoding="wav", policy="alignatt"
    )
    await stage.log.append_update("s1", wanted)
    await stage.end()
    await (await stage.host()).run()
    [told] = updates(await stage.events())
    assert told.config == ConfigUpdate(context="weather")
    assert told.needs_new_session == ("model", "policy", "encoding")
    assert told.audio is None


async def test_another_host_tells_a_change_that_came_meanwhile(stage: Configured) -> None:
    await stage.configure(preset="noisy")
    await stage.open()
    await stage.feed(SPOKEN.cut(CHANGE_S))
    first = HostLog(stage.log, die_at=3)
    assert await stage.killed(first)
    with pytest.raises(BackendUnavailable):
        await first.read_entries("s1", -1)
    await stage.configure(preset="broadcast")
    await stage.feed(SPOKEN, since_s=CHANGE_S)
    await stage.end()
    await (await stage.host()).run()
    presets = [told.audio.preset for told in updates(await stage.events()) if told.audio]
    assert presets == ["broadcast"]
