"""The captions page on the real platform: real speech in, real captions and translations out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soxr
from playwright.sync_api import Browser, Page, expect

from support.cuttable_proxy import CuttableProxy
from support.installation import Installation
from support.scoring import error_rate
from support.sound import container
from support.speech import recording


@pytest.fixture
def port(installation: Installation) -> int:
    """Return the page's port."""
    return int(installation.url.rpartition(":")[2])


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def heard(page: Page) -> list[str]:
    return words(" ".join(page.locator(".caption-text").all_inner_texts()))


def finished(page: Page) -> None:
    expect(page.get_by_role("status").filter(has_text="Finished")).to_be_visible(timeout=60_000)


def choose_file(page: Page, file: Path, *, fast: bool) -> None:
    page.get_by_label("Fast").set_checked(fast)
    page.get_by_label("Audio file").set_input_files(file)


def test_a_file_at_real_time_becomes_captions_to_the_last_word(page: Page, port: int):
    spoken = recording("en_00")
    page.goto(f"http://127.0.0.1:{port}/")
    choose_file(page, spoken.path, fast=False)
    expect(page.locator(".caption-text").first).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    finished(page)
    assert heard(page) == words(spoken.text)
    engine = page.get_by_role("button", name="Engine")
    expect(engine).to_contain_text("faster-whisper")
    engine.click()
    expect(page.get_by_role("group", name="Engine")).to_contain_text("cpu")


def test_the_microphone_becomes_captions(launch: Callable[..., Browser], port: int, tmp_path: Path):
    spoken = recording("en_00")
    file = tmp_path / "speech.wav"
    file.write_bytes(container(soxr.resample(spoken.audio, 16_000, 48_000), "wav", rate=48_000))
    browser = launch(f"--use-file-for-fake-audio-capture={file}%noloop")
    try:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.get_by_role("button", name="Start", exact=True).click()
        last = words(spoken.text)[-1]
        expect(page.get_by_role("region", name="Captions")).to_contain_text(last, timeout=40_000)
        page.get_by_role("button", name="Stop").click()
        finished(page)
        assert error_rate([spoken.text], [" ".join(heard(page))]) <= 0.2
    finally:
        browser.close()


@pytest.mark.skipif(shutil.which("apertium") is None, reason="apertium is not installed")
def test_the_translation_stands_beside_its_caption(page: Page, port: int):
    page.goto(f"http://127.0.0.1:{port}/")
    page.get_by_role("button", name="Translate into").click()
    page.get_by_role("checkbox", name="Spanish apertium", exact=True).check()
    page.keyboard.press("Escape")
    choose_file(page, recording("en_00").path, fast=True)
    finished(page)
    row = page.locator(".caption").filter(has_text="Tuesday")
    expect(row.locator(".translation")).to_contain_text("martes")
    expect(row.locator(".translation")).to_have_attribute("lang", "es")


def test_a_network_that_breaks_off_mid_way_changes_no_word(page: Page, port: int):
    spoken = recording("en_00")
    with CuttableProxy(port) as proxy:
        page.goto(f"http://127.0.0.1:{proxy.port}/")
        choose_file(page, spoken.path, fast=False)
        expect(page.locator(".caption-text").first).to_be_visible(timeout=30_000)
        proxy.cut()
        expect(page.get_by_role("status").filter(has_text="The connection is lost")).to_be_visible()
        expect(page.locator(".caption-text").first).to_be_visible()
        proxy.away = False
        finished(page)
        assert heard(page) == words(spoken.text)


def test_speakers_are_told_apart_and_named_and_the_preset_changes_meanwhile(
    page: Page, port: int, tmp_path: Path
):
    meeting = recording("meeting_3").audio[: 14 * 16_000]
    file = tmp_path / "meeting.wav"
    file.write_bytes(container(meeting, "wav", rate=16_000))
    page.goto(f"http://127.0.0.1:{port}/")
    audio = page.get_by_role("button", name="Audio: ")
    audio.click()
    page.get_by_label("Tell speakers apart").check()
    page.keyboard.press("Escape")
    expect(audio).to_be_focused()
    choose_file(page, file, fast=False)
    first = page.get_by_role("button", name="Name SPEAKER_00").first
    expect(first).to_be_visible(timeout=30_000)

    audio.click()
    page.get_by_label("Preset").select_option("noisy")
    page.get_by_label("Tell speakers apart").uncheck()
    expect(page.get_by_text("In force: noisy")).to_contain_text("changes with the next session")
    page.keyboard.press("Escape")

    first.click()
    page.get_by_label("Name", exact=True).fill("Ana")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Name Ana").first).to_be_visible()
    other = page.get_by_role("button", name="Name SPEAKER_01").first
    expect(other).to_be_visible(timeout=30_000)
    finished(page)
    other.click()
    page.get_by_label("Name", exact=True).fill("Bo")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Name Bo").first).to_be_visible()

    page.get_by_role("button", name="Export").click()
    address = page.get_by_role("link", name="SRT").get_attribute("href")
    subtitles = page.request.get(f"http://127.0.0.1:{port}{address}").text()
    assert "Ana: " in subtitles and "Bo: " in subtitles and "SPEAKER" not in subtitles
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
