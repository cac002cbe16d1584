"""Guards against text that nobody said: out of silence, out of loops, faster than anyone speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from livetranslate.asr.policy import normalise
from livetranslate.domain.speech import Hypothesis, Word


class GuardOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the guards.

    Attributes:
        no_speech: No-speech probability from which unsure text is dropped.
        unsure: Mean word confidence below which text counts as unsure.
        hopeless: Mean word confidence below which text is dropped whatever the rest says.
        loop_words: Longest phrase looked at for loops, in words.
        loop_repeats: Repetitions of a phrase from which it is a loop, if it is too fast, or unsure
            and without an end.
        fastest_word_s: Mean duration of a word below which a run of words is too fast to be speech.
        stall_s: Two words in a row that are each shorter were placed by an attention that stands
            still: the decoder has run past the audio, and nothing from there on was said.
    """

    no_speech: float = 0.6
    unsure: float = 0.4
    hopeless: float = 0.1
    loop_words: int = 8
    loop_repeats: int = 3
    fastest_word_s: float = 0.08
    stall_s: float = 0.08


def guarded(
    hypothesis: Hypothesis,
    options: GuardOptions,
    *,
    final: bool,
    has_speech: Callable[[float, float], bool],
) -> Hypothesis:
    """Return the hypothesis without what nobody said.

    Args:
        hypothesis: As the engine gave it.
        options: Bounds.
        final: Whether no more audio follows; then a last word alone is never taken for a stall.
        has_speech: Whether there was speech between two session times in seconds.
    """
    words = hypothesis.words
    silent = hypothesis.no_speech is not None and hypothesis.no_speech > options.no_speech
    if _confidence(words) < (options.unsure if silent else options.hopeless):
        words = ()
    words = _cut_silence(words, has_speech)
    words = words[: stall_start(words, options, final=final)]
    words = words[: loop_start(words, options)]
    if words is hypothesis.words:
        return hypothesis
    return msgspec.structs.replace(hypothesis, words=tuple(words))


def _cut_silence(
    words: Sequence[Word], has_speech: Callable[[float, float], bool]
) -> tuple[Word, ...]:
    """Drop the tail of words that fall where there was no speech."""
    kept = len(words)
    while kept and not has_speech(words[kept - 1].start, words[kept - 1].end):
        kept -= 1
    return tuple(words[:kept])


def stall_start(words: Sequence[Word], options: GuardOptions, *, final: bool) -> int:
    """Return how many leading words to keep: those before the attention stands still."""
    short = [word.end - word.start < options.stall_s for word in words]
    for index, stalled in enumerate(short):
        last = index + 1 == len(short)
        if stalled and (not final if last else short[index + 1]):
            return index
    return len(words)


def loop_start(words: Sequence[Word], options: GuardOptions) -> int:
    """Return how many leading words to keep: up to and including a looping phrase's first turn.

    A phrase said again and again at a speaker's pace is speech if it is sure, or if anything else
    follows: «four four four nine». A decoder that loops does not find out of it by itself.
    """
    texts = [normalise(word.word) for word in words]
    for begin in range(len(texts)):
        for size in range(1, min(options.loop_words, (len(texts) - begin) // 2) + 1):
            turns = _turns(texts, begin, size)
            if turns < options.loop_repeats:
                continue
            run = words[begin : begin + turns * size]
            seconds = (run[-1].end - run[0].start) / len(run)
            after = texts[begin + turns * size :]
            endless = after == texts[begin : begin + size][: len(after)]
            unsure = _confidence(run) < options.unsure
            if seconds < options.fastest_word_s or (unsure and endless):
                return begin + size
    return len(words)


def _turns(texts: Sequence[str], begin: int, size: int) -> int:
    phrase = texts[begin : begin + size]
    turns = 1
    while texts[begin + turns * size : begin + (turns + 1) * size] == phrase:
        turns += 1
    return turns


def _confidence(words: Sequence[Word]) -> float:
    measured = [word.confidence for word in words if word.confidence is not None]
    return sum(measured) / len(measured) if measured else 1.0
