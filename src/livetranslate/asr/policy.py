"""Streaming policies: how many words of a hypothesis can be promised never to change.

Pure: hypotheses and durations in, a number of words out. A policy is used for one utterance at a
time and keeps nothing but the tail of the previous hypothesis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from livetranslate.domain.session import PolicyName
from livetranslate.domain.speech import Word

PolicyHistory = tuple[tuple[str, ...], ...]
"""Normalised words of the newest hypotheses behind the committed words, oldest first."""


class StreamingPolicy(Protocol):
    """Decides what of an utterance's hypothesis is committed."""

    @property
    def name(self) -> PolicyName:
        """Name on the wire."""
        ...

    def commit(self, words: Sequence[Word], *, audio_end_s: float, final: bool) -> int:
        """Return how many leading words to commit.

        Args:
            words: The hypothesis behind the words already committed.
            audio_end_s: Session time up to which the engine heard audio.
            final: Whether no more audio follows for these words; then all are committed.
        """
        ...

    def reset(self) -> None:
        """Begin a new utterance."""
        ...

    def history(self) -> PolicyHistory:
        """Return what another policy of this kind needs to go on in this utterance."""
        ...


class PolicyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of the policies.

    Attributes:
        frame_threshold_s: AlignAtt: words that end nearer to the end of the audio are unstable.
        confirmations: AlignAtt: earlier hypotheses in a row that must hold the word as well.
        agreement: LocalAgreement: hypotheses in a row that must agree, this one included.
    """

    frame_threshold_s: float = 0.5
    confirmations: int = 1
    agreement: int = 2


def normalise(word: str) -> str:
    """Return what two spellings of the same word share: no case, no punctuation at its ends."""
    bare = word.strip(" .,;:!?¡¿\"'()[]…-。，！？、").casefold()
    return bare or word


class _History:
    """The newest hypotheses behind the committed words, as normalised words."""

    def __init__(self, depth: int, tails: PolicyHistory) -> None:
        self._depth = depth
        self._tails: list[tuple[str, ...]] = list(tails)

    @property
    def tails(self) -> PolicyHistory:
        return tuple(self._tails)

    def agreed(self, words: Sequence[Word]) -> int:
        """Return how many leading words all remembered hypotheses share with ``words``."""
        if len(self._tails) < self._depth:
            return 0
        now = [normalise(word.word) for word in words]
        shared = len(now)
        for tail in self._tails:
            same = 0
            while same < min(shared, len(tail)) and tail[same] == now[same]:
                same += 1
            shared = same
        return shared

    def remember(self, words: Sequence[Word], committed: int) -> None:
        """Note a hypothesis of which ``committed`` words are now committed."""
        self._tails = [tail[committed:] for tail in self._tails]
        self._tails.append(tuple(normalise(word.word) for word in words[committed:]))
        self._tails = self._tails[-self._depth :] if self._depth else []

    def clear(self) -> None:
        self._tails = []


class AlignAtt:
    """Commits up to the word whose attention comes too near to the end of the audio.

    AlignAtt (Papi et al., «AlignAtt: Using Attention-based Audio-Translation Alignments as a Guide
    for Simultaneous Speech Translation», 2023): a token attended within the last frames is not
    trusted, since the audio behind the end may change it. Here the attention comes as word times
    from CTranslate2's alignment. Words must also have stood in the previous hypothesis: a decoder
    that runs past the audio places words anywhere, but seldom the same words twice.
    """

    name = PolicyName.ALIGNATT

    def __init__(self, options: PolicyOptions, history: PolicyHistory = ()) -> None:
        self._options = options
        self._history = _History(options.confirmations, history)

    def commit(self, words: Sequence[Word], *, audio_end_s: float, final: bool) -> int:
        """See StreamingPolicy."""
        if final:
            self._history.clear()
            return len(words)
        limit = audio_end_s - self._options.frame_threshold_s
        agreed = self._history.agreed(words)
        count = 0
        while count < agreed and words[count].end <= limit:
            count += 1
        self._history.remember(words, count)
        return count

    def reset(self) -> None:
        """See StreamingPolicy."""
        self._history.clear()

    def history(self) -> PolicyHistory:
        """See StreamingPolicy."""
        return self._history.tails


class LocalAgreement:
    """Commits the words that the newest hypotheses have in common.

    LocalAgreement-n (Liu et al., «Low-Latency Sequence-to-Sequence Speech Recognition and
    Translation by Partial Hypothesis Selection», 2020), with n = 2 by default.
    """

    name = PolicyName.LOCAL_AGREEMENT

    def __init__(self, options: PolicyOptions, history: PolicyHistory = ()) -> None:
        self._history = _History(options.agreement - 1, history)

    def commit(self, words: Sequence[Word], *, audio_end_s: float, final: bool) -> int:
        """See StreamingPolicy."""
        if final:
            self._history.clear()
            return len(words)
        count = self._history.agreed(words)
        self._history.remember(words, count)
        return count

    def reset(self) -> None:
        """See StreamingPolicy."""
        self._history.clear()

    def history(self) -> PolicyHistory:
        """See StreamingPolicy."""
        return self._history.tails


_POLICIES: dict[PolicyName, Callable[[PolicyOptions, PolicyHistory], StreamingPolicy]] = {
    PolicyName.ALIGNATT: AlignAtt,
    PolicyName.LOCAL_AGREEMENT: LocalAgreement,
}


def make_policy(
    name: PolicyName, options: PolicyOptions, history: PolicyHistory = ()
) -> StreamingPolicy:
    """Return a new policy by name, which goes on where ``history`` was taken."""
    return _POLICIES[name](options, history)
