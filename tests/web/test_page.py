"""The captions page in a real browser, in situations that a script brings about."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from livetranslate.domain.messages import ErrorMessage
from support.scripted_captions import said, speech, translated
from support.scripted_platform import Cue, ScriptedPlatform

ANA = ("spk-1", "Ana")
LONG = "Good morning everyone and thank you for coming in such numbers on so cold a day"


@pytest.fixture
def platform(dist: Path) -> Iterator[ScriptedPlatform]:
    with ScriptedPlatform(dist) as platform:
        yield platform


def caption(page: Page, number: int):
    return page.get_by_role("region", name="Captions").get_by_role("listitem").nth(number)


def start(page: Page, platform: ScriptedPlatform, *, target: str | None = "Spanish") -> None:
    page.goto(platform.url)
    if target is not None:
        page.get_by_role("button", name="Translate into").click()
        page.get_by_role("checkbox", name=target).check()
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Start").click()


def open_file(page: Page, file: Path, *, fast: bool) -> None:
    if fast:
        page.get_by_label("Fast").check()
    page.get_by_label("Audio file").set_input_files(file)


def pcm(chunks: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(chunks), "<i2").astype(np.float32) / 32_768


def test_microphone_becomes_captions_with_the_translation_beside_them(
    page: Page, platform: ScriptedPlatform
):
    platform.cues = [
        (2, speech(True)),
        (3, said(0, "Good morning every", committed=2, speaker=ANA)),
        (4, translated(0, "Buenos días", final=False)),
        (10**6, said(0, "Good morning everyone, the last word.", speaker=ANA)),
        (10**6, translated(0, "Buenos días a todos, la última palabra.")),
    ]
    start(page, platform)
    row = caption(page, 0)
    expect(row).to_contain_text("Good morning every")
    expect(row.locator(".caption-text .unstable")).to_have_text("every")
    expect(row).to_contain_text("Ana")
    preview = row.locator(".translation")
    expect(preview).to_have_class(re.compile("unstable"))
    text, translation = row.locator(".caption-text").bounding_box(), preview.bounding_box()
    assert text and translation
    assert translation["x"] > text["x"] + text["width"] - 1
    assert translation["y"] == pytest.approx(text["y"])
    expect(page.get_by_role("button", name="Engine")).to_contain_text("pocketsphinx")

    page.get_by_role("button", name="Stop").click()
    expect(row).to_contain_text("everyone, the last word.")
    expect(row).to_contain_text("la última palabra.")
    expect(page.get_by_role("log")).to_contain_text("the last word")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    assert platform.last.ended
    assert platform.last.config.target_languages == ("es",)


def test_what_is_sent_is_the_microphone_at_16_khz(page: Page, platform: ScriptedPlatform):
    platform.cues = [(12, said(0, "Enough"))]
    start(page, platform, target=None)
    expect(caption(page, 0)).to_contain_text("Enough")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    chunks = platform.last.audio
    assert {len(chunk) for chunk in chunks[:-1]} == {3200}
    sound = pcm(chunks)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    peak = np.fft.rfftfreq(sound.size, 1 / 16_000)[int(spectrum.argmax())]
    assert peak == pytest.approx(220, abs=4)
    assert np.abs(sound).max() > 0.05


def test_a_lost_connection_loses_no_audio_and_no_caption(
    page: Page, platform: ScriptedPlatform, speech_file: Path
):
    platform.cues = [(20, said(0, "Before the cut")), (80, said(1, "After it"))]
    page.goto(platform.url)
    open_file(page, speech_file, fast=True)
    expect(page.get_by_role("status").filter(has_text="Finished")).to_be_visible()
    whole = b"".join(platform.last.audio)

    platform.cut_at = 50
    page.get_by_label("Audio file").set_input_files(speech_file)
    expect(page.get_by_role("status").filter(has_text="Finished")).to_be_visible()
    assert len(platform.sessions) == 2
    assert platform.cut_at is None
    assert b"".join(platform.last.audio) == whole
    expect(caption(page, 0)).to_contain_text("Before the cut")
    expect(caption(page, 1)).to_contain_text("After it")
    assert page.get_by_role("region", name="Captions").get_by_role("listitem").count() == 2


def test_a_file_is_sent_as_it_sounds(page: Page, platform: ScriptedPlatform, speech_file: Path):
    page.goto(platform.url)
    open_file(page, speech_file, fast=True)
    expect(page.get_by_role("status").filter(has_text="Finished")).to_be_visible()
    sound = pcm(platform.last.audio)
    assert sound.size == 160_000
    with wave.open(str(speech_file)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    level = np.sqrt(np.mean((data / 32_768) ** 2))
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(level, rel=0.02)


def test_while_the_server_is_away_captions_stay_and_the_page_says_what_is_kept(
    page: Page, platform: ScriptedPlatform
):
    platform.cues = [(3, said(0, "Still here"))]
    start(page, platform, target=None)
    expect(caption(page, 0)).to_contain_text("Still here")
    platform.go_away()
    notice = page.get_by_role("status").filter(has_text="The connection is lost")
    expect(notice).to_contain_text(re.compile(r"[1-9]\d* s of audio are kept"))
    expect(caption(page, 0)).to_contain_text("Still here")
    before = len(platform.last.audio)
    notice.get_by_role("button", name="Try now").click()
    platform.come_back()
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    expect(notice).not_to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    assert len(platform.last.audio) >= before + 5


def test_rows_never_shrink_and_committed_words_never_move(page: Page, platform: ScriptedPlatform):
    words = LONG.split()
    cues: list[Cue] = []
    for count in range(2, len(words)):
        tail = " ".join(words[: count + 1 - 2 * (count % 2)])
        cues.append((count, said(0, tail, committed=max(1, count - 3))))
    platform.cues = [*cues, (len(words) + 2, said(0, LONG))]
    page.set_viewport_size({"width": 420, "height": 800})
    page.goto(platform.url)
    page.evaluate(RECORD_LAYOUT)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("log")).to_contain_text(LONG)
    heights, first = page.evaluate("[window.heights, [...new Set(window.first)]]")
    assert len(heights) >= 5
    assert heights == sorted(heights)
    assert heights[-1] > 2 * 24
    assert len(first) == 1


RECORD_LAYOUT = """() => {
  window.heights = []; window.first = [];
  new MutationObserver(() => {
    const row = document.querySelector('.caption');
    if (!row) return;
    window.heights.push(row.offsetHeight);
    const word = row.querySelector('.word');
    if (!word) return;
    const [inner, outer] = [word.getBoundingClientRect(), row.getBoundingClientRect()];
    window.first.push(`${inner.left - outer.left} ${inner.top - outer.top}`);
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def test_scrolling_up_pauses_following_until_asked(page: Page, platform: ScriptedPlatform):
    platform.cues = [(2, said(number, f"Sentence {number} of many")) for number in range(40)]
    platform.cues += [(chunk, said(40 + chunk, f"New {chunk}")) for chunk in range(20, 50)]
    start(page, platform, target=None)
    expect(caption(page, 39)).to_be_in_viewport()
    page.get_by_role("region", name="Captions").hover()
    page.mouse.wheel(0, -1200)
    follow = page.get_by_role("button", name="Follow the live captions")
    expect(follow).to_be_visible()
    top = page.locator(".scroller").evaluate("element => element.scrollTop")
    expect(caption(page, 45)).to_be_attached()
    assert page.locator(".scroller").evaluate("element => element.scrollTop") <= top
    follow.click()
    expect(follow).not_to_be_visible()
    expect(
        page.get_by_role("region", name="Captions").get_by_role("listitem").last
    ).to_be_in_viewport()


@pytest.mark.parametrize(
    ("error", "title", "help_text"),
    [
        ("NotAllowedError", "The microphone was refused", "Allow it beside the address"),
        ("NotFoundError", "There is no microphone", "drop an audio file"),
        ("NotReadableError", "in use elsewhere", "Close the program"),
    ],
)
def test_a_microphone_that_cannot_be_had(
    page: Page, platform: ScriptedPlatform, error: str, title: str, help_text: str
):
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () =>"
        f" Promise.reject(new DOMException('no', '{error}'))"
    )
    start(page, platform, target=None)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(title)
    expect(alert).to_contain_text("Nothing was recorded")
    expect(alert).to_contain_text(help_text)
    assert platform.sessions == {}
    alert.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_start_that_the_server_refuses(page: Page, platform: ScriptedPlatform):
    platform.start_error = ErrorMessage(
        code="unsupported_language", message="the engine has no Klingon", field="config.language"
    )
    start(page, platform, target=None)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The engine has no Klingon.")
    expect(alert).to_contain_text("Choose another language")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_a_file_without_audio(page: Page, platform: ScriptedPlatform, tmp_path: Path):
    page.goto(platform.url)
    broken = tmp_path / "notes.wav"
    broken.write_bytes(b"this is no audio")
    open_file(page, broken, fast=False)
    expect(page.get_by_role("alert")).to_contain_text("notes.wav cannot be read")


def test_a_translation_that_fails_says_why_beside_its_caption(
    page: Page, platform: ScriptedPlatform
):
    platform.cues = [(2, said(0, "Hello")), (3, translated(0, "", error="Apertium did not answer"))]
    start(page, platform)
    expect(caption(page, 0).locator(".translation")).to_have_text("Apertium did not answer")


def test_only_what_works_here_can_be_chosen_and_the_rest_says_why(
    page: Page, platform: ScriptedPlatform
):
    page.goto(platform.url)
    expect(page.get_by_label("Spoken language")).to_contain_text("English only")
    page.get_by_role("button", name="Translate into").click()
    panel = page.get_by_role("group", name="Translate into")
    names = panel.get_by_role("checkbox").evaluate_all(
        "boxes => boxes.map(box => box.closest('label').childNodes[1].textContent)"
    )
    assert names == ["Catalan", "Spanish"]
    panel.get_by_text("What does not work here").click()
    expect(panel).to_contain_text("This is the language spoken.")
    expect(panel).to_contain_text("no model is installed")
    expect(panel).to_contain_text("livetranslate models pull opus-mt-en-de")


def test_keyboard_theme_copy_and_download(page: Page, platform: ScriptedPlatform):
    platform.cues = [(2, said(0, "Written down", speaker=ANA)), (2, translated(0, "Anotado"))]
    page.emulate_media(color_scheme="light")
    page.goto(platform.url)
    expect(page.get_by_role("button", name="Engine")).to_be_visible()
    page.keyboard.press("Space")
    expect(caption(page, 0)).to_contain_text("Written down")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download transcript").click()
    assert download.value.path().read_text() == "[0:00] Ana: Written down\n    es: Anotado\n"
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "light")
    page.keyboard.press("d")
    expect(root).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_cut_off_at_any_width(page: Page, platform: ScriptedPlatform, width: int):
    platform.cues = [(2, said(0, LONG, speaker=ANA)), (2, translated(0, LONG))]
    page.set_viewport_size({"width": width, "height": 700})
    start(page, platform)
    expect(caption(page, 0)).to_be_in_viewport()
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    for name in ("Stop", "Engine", "Copy transcript"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
