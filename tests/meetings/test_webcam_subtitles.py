"""What is on screen when, with time passed in."""

from __future__ import annotations

from livetranslate.meetings.webcam.options import SubtitleOptions
from livetranslate.meetings.webcam.packets import Packet
from livetranslate.meetings.webcam.subtitles import Caption, Subtitles
from support.packets import spoken, translated

OPTIONS = SubtitleOptions(hold_s=4.0, fade_s=1.0)


def after(*packets: Packet, now: float = 0.0) -> Subtitles:
    subtitles = Subtitles(OPTIONS)
    for packet in packets:
        subtitles.take(packet, now)
    return subtitles


def shown(subtitles: Subtitles, now: float = 0.0) -> dict[str, tuple[list[str], list[str]]]:
    return {
        caption.speaker: (
            [one.text for one in caption.original],
            [one.text for one in caption.translation],
        )
        for caption in subtitles.screen(now).captions
    }


def only(subtitles: Subtitles, now: float = 0.0) -> Caption:
    (caption,) = subtitles.screen(now).captions
    return caption


def test_a_preview_grows_and_its_translation_joins_it():
    subtitles = after(spoken("we"), spoken("we would"), translated("quisiéramos"))
    assert shown(subtitles) == {"Anna": (["we would"], ["quisiéramos"])}


def test_the_next_utterance_follows_and_the_oldest_leaves():
    subtitles = after(spoken("one", 0.0), spoken("two", 2.0), spoken("three", 4.0))
    assert shown(subtitles) == {"Anna": (["two", "three"], [])}


def test_a_translation_that_lags_is_shown_beside_newer_words():
    subtitles = after(spoken("one", 0.0), spoken("two", 2.0), translated("uno", 0.0))
    assert shown(subtitles) == {"Anna": (["one", "two"], ["uno"])}


def test_after_silence_it_fades_and_is_gone():
    subtitles = after(spoken("hello"))
    assert only(subtitles, 4.0).opacity == 1.0
    fading = [only(subtitles, 4.0 + step / 10).opacity for step in range(1, 10)]
    assert fading == sorted(fading, reverse=True) and 0 < fading[-1] < fading[0] < 1
    assert subtitles.screen(5.0).captions == ()


def test_new_words_bring_a_fading_caption_back_and_repeated_ones_do_not():
    subtitles = after(spoken("hello"))
    assert not subtitles.take(spoken("hello"), 4.5)
    assert only(subtitles, 4.5).opacity < 1
    assert subtitles.take(spoken("hello there"), 4.6)
    assert only(subtitles, 4.6).opacity == 1.0


def test_speakers_keep_their_places_and_colours():
    subtitles = after(spoken("hello", 0.0, "Anna"), spoken("hi", 1.0, "Ben"))
    before = {one.speaker: (one.slot, one.colour) for one in subtitles.screen(0).captions}
    assert len(set(before.values())) == len({slot for slot, _ in before.values()}) == 2
    subtitles.take(spoken("still hello", 0.0, "Anna"), 3.0)
    assert {one.speaker for one in subtitles.screen(6.0).captions} == {"Anna"}
    subtitles.take(spoken("back", 6.0, "Ben"), 6.0)
    assert {one.speaker: (one.slot, one.colour) for one in subtitles.screen(6).captions} == before


def test_a_third_speaker_takes_the_place_of_who_is_silent_for_longest():
    subtitles = after(spoken("hello", 0.0, "Anna"))
    subtitles.take(spoken("hi", 1.0, "Ben"), 1.0)
    subtitles.take(spoken("hey", 2.0, "Cleo"), 2.0)
    assert set(shown(subtitles, 2.0)) == {"Ben", "Cleo"}


def test_a_colour_is_the_same_in_every_run():
    names = ["Anna", "Ben", "Cleo"]
    first, second = (
        {name: only(after(spoken("x", 0.0, name))).colour for name in order}
        for order in (names, names[::-1])
    )
    assert first == second


def test_only_one_language_of_translation_is_shown():
    subtitles = after(spoken("one"), translated("uno"), translated("eins", language="de"))
    assert shown(subtitles) == {"Anna": (["one"], ["uno"])}
    wanted = Subtitles(SubtitleOptions(target_language="de"))
    for packet in (spoken("one"), translated("uno"), translated("eins", language="de")):
        wanted.take(packet, 0.0)
    assert shown(wanted) == {"Anna": (["one"], ["eins"])}


def test_an_empty_text_takes_back_what_was_shown():
    subtitles = after(spoken("mm"), spoken(""))
    assert subtitles.screen(0).captions == ()
    assert not subtitles.take(spoken(""), 0.0)


def test_a_speaker_known_later_gets_the_words_without_a_jump():
    subtitles = after(spoken("hello", 0.0, None), translated("hola", 0.0, None))
    slot = only(subtitles).slot
    subtitles.take(spoken("hello", 0.0, "Anna"), 1.0)
    subtitles.take(translated("hola", 0.0, "Anna"), 1.0)
    assert shown(subtitles, 1.0) == {"Anna": (["hello"], ["hola"])}
    assert only(subtitles, 1.0).slot == slot


def test_a_corrected_speaker_takes_over_only_that_utterance():
    subtitles = after(spoken("one", 0.0, "Anna"), spoken("two", 2.0, "Anna"))
    subtitles.take(spoken("two", 2.0, "Ben"), 1.0)
    assert shown(subtitles, 1.0) == {"Anna": (["one"], []), "Ben": (["two"], [])}


def test_two_who_begin_at_the_same_moment_stay_two():
    subtitles = after(spoken("yes", 1.0, "Anna"), spoken("no", 1.0, "Ben"))
    subtitles.take(spoken("no no", 1.0, "Ben"), 0.5)
    assert shown(subtitles, 0.5) == {"Anna": (["yes"], []), "Ben": (["no no"], [])}
