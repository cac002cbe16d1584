"""The enhancement of a session's audio, so that another host goes on with the very same samples.

A host that takes over needs enhanced audio from where recognition goes on, which is behind what
its predecessor had heard. So states of the enhancer are kept on the way, and the checkpoint holds
the newest one that lies far enough back, with the changes of parameters that came after it: from
there the audio in the log is enhanced again, exactly as it was.
"""

from __future__ import annotations

from collections import deque

import msgspec
import numpy as np

from livetranslate.audio.enhancement.enhancer import Enhancer, EnhancerState, Pcm
from livetranslate.audio.enhancement.parameters import AudioParameters, Chunking
from livetranslate.audio.enhancement.presets import AudioPresets
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import InvalidInput

KEPT_EVERY = 2 * SAMPLE_RATE
"""Samples between two states that are kept."""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """Parameters that are in force from a sample on."""

    at: int
    parameters: AudioParameters


class EnhancementState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What another host needs to enhance as this one did.

    Attributes:
        enhancer: A state that lies behind where recognition goes on; the session's audio is to be
            taken from its ``taken`` on.
        heard: Sample up to which audio has been taken in.
        changes: Changes of the parameters between these two.
    """

    enhancer: EnhancerState = EnhancerState()
    heard: int = 0
    changes: tuple[Change, ...] = ()


class SessionEnhancement:
    """Enhances one session's audio.

    Args:
        presets: Says which parameters are in force.
        state: Where another host has got to.
        start: Sample from which the recogniser needs audio.
    """

    def __init__(
        self, presets: AudioPresets, state: EnhancementState | None = None, *, start: int = 0
    ) -> None:
        state = state or EnhancementState()
        self._presets = presets
        self._enhancer = Enhancer(state.enhancer)
        self._start = start
        self._replayed_to = state.heard
        self._replay = deque(state.changes)
        self._changes = list(state.changes)
        self._kept: deque[_Kept] = deque([_Kept(state.enhancer, idle=self._enhancer.idle)])
        self._parameters: AudioParameters | None = None
        self._refused: str | None = None

    @property
    def heard(self) -> int:
        """Sample after the last one taken; at first the one from which audio is needed."""
        return self._enhancer.taken

    @property
    def replaying(self) -> bool:
        """Whether what follows is audio that another host had heard, to be enhanced as it was."""
        return self._enhancer.taken < self._replayed_to

    @property
    def in_force(self) -> AudioParameters:
        """The stages that are at work."""
        return self._enhancer.wanted

    def accept(self, pcm: Pcm, preset: str | None) -> tuple[Pcm, InvalidInput | None]:
        """Take the samples of a chunk.

        Args:
            pcm: What follows on the samples taken.
            preset: The session's preset.

        Returns:
            The samples that the recogniser gets next, and why the preset could not be applied, if
            that is news: then the parameters before it stay.
        """
        trouble = None
        if not self.replaying:
            trouble = self._choose(preset)
        given, output = self._enhancer.given, list[Pcm]()
        while self._replay and self._replay[0].at < self._enhancer.taken + len(pcm):
            change = self._replay.popleft()
            cut = max(change.at - self._enhancer.taken, 0)
            output.append(self._enhancer.accept(pcm[:cut]))
            self._enhancer.configure(change.parameters)
            pcm = pcm[cut:]
        output.append(self._enhancer.accept(pcm))
        self._keep()
        whole = output[0] if len(output) == 1 else np.concatenate(output)
        return whole[max(self._start - given, 0) :], trouble

    def finish(self) -> Pcm:
        """No more audio follows; return the rest for the recogniser."""
        given = self._enhancer.given
        return self._enhancer.finish()[max(self._start - given, 0) :]

    def state(self, start: int) -> EnhancementState:
        """Return what another host needs.

        Args:
            start: Sample from which its recogniser needs audio; earlier ones are never asked for
                again.
        """
        while len(self._kept) > 1 and self._kept[1].state.given <= start:
            self._kept.popleft()
        state = self._kept[0].at(start)
        self._changes = [change for change in self._changes if change.at >= state.taken]
        return EnhancementState(
            enhancer=state,
            heard=max(self._enhancer.taken, self._replayed_to),
            changes=tuple(self._changes),
        )

    def _choose(self, preset: str | None) -> InvalidInput | None:
        """Have the enhancer do what the preset means now; return why not, if that is news."""
        try:
            parameters = self._presets.parameters(preset)
        except InvalidInput as error:
            news = self._refused != error.message
            self._refused = error.message
            return error if news else None
        self._refused = None
        if parameters is not self._parameters:
            self._parameters = parameters
            if self._enhancer.configure(parameters):
                self._changes.append(Change(self._enhancer.taken, parameters))
        return None

    def _keep(self) -> None:
        """Keep a state now and then."""
        newest, taken, idle = self._kept[-1], self._enhancer.taken, self._enhancer.idle
        if newest.idle and idle:
            newest.until = taken
        elif idle or newest.idle or taken - newest.state.taken >= KEPT_EVERY:
            self._kept.append(_Kept(self._enhancer.state(), idle=idle))


def stages_of(parameters: AudioParameters) -> AudioParameters:
    """Return the part of parameters that is about live sessions: how they are cut is not."""
    return msgspec.structs.replace(parameters, chunking=Chunking())


class _Kept:
    """A state, and how long after it nothing had to be remembered."""

    def __init__(self, state: EnhancerState, *, idle: bool) -> None:
        self.state = state
        self.idle = idle
        self.until = state.taken

    def at(self, start: int) -> EnhancerState:
        """Return the state, moved on towards a sample as far as it stayed the same."""
        taken = max(min(start, self.until), self.state.taken)
        if not self.idle or taken == self.state.taken:
            return self.state
        return msgspec.structs.replace(self.state, taken=taken, given=taken)
