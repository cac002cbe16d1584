"""The captions page on the real platform: real speech in, real captions and translations out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soxr
from playwright.sync_api import Browser, Page, expect

from support.cuttable_proxy import CuttableProxy
from support.ports import free_port
from support.scoring import error_rate
from support.sound import container
from support.speech import recording

START_S = 60


@pytest.fixture(scope="module")
def port(
    dist: Path, whisper_fixture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """Run ``livetranslate up`` with the test model and return the page's port."""
    page, whisper, translation = (free_port() for _ in range(3))
    folder = tmp_path_factory.mktemp("platform")
    command = [sys.executable, "-m", "livetranslate", "up", "--host", "127.0.0.1"]
    command += ["--port", str(page), "--whisper-port", str(whisper)]
    command += ["--translation-port", str(translation), "--workers", "1"]
    command += ["--model", str(whisper_fixture), "--data", str(folder / "data")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_ready(page, process, folder / "log")
            yield page
        finally:
            process.terminate()
            process.wait(20)


def wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health/ready", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the platform did not start:\n{log.read_text()}")


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
