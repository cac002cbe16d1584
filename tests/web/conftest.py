"""A browser, the built web app and audio for it to hear."""

from __future__ import annotations

import shutil
import subprocess
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from support.installation import Installation

WEB = Path(__file__).parents[2] / "web"
QUIET_FLAGS = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def dist() -> Path:
    """Return the built web app, building it if its sources are newer."""
    built = WEB / "dist" / "index.html"
    sources = [WEB / "index.html", *(WEB / "src").rglob("*.*")]
    if built.exists() and built.stat().st_mtime >= max(one.stat().st_mtime for one in sources):
        return built.parent
    if not (WEB / "node_modules").is_dir() or shutil.which("npm") is None:
        pytest.skip("the web app is not built: run `npm ci && npm run build` in web/")
    subprocess.run(["npm", "run", "build"], cwd=WEB, check=True, capture_output=True)
    return built.parent


@pytest.fixture(scope="session")
def configuration_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the configuration file of the platform."""
    file = tmp_path_factory.mktemp("settings") / "orchestration.yaml"
    file.write_text("# Ours.\naudio:\n  preset: default\n")
    return file


@pytest.fixture(scope="session")
def installation(
    dist: Path,
    configuration_file: Path,
    whisper_fixture: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    """Return ``livetranslate up`` with the test model, the same for all tests of a process."""
    settings = {
        "WHISPER_MODEL": str(whisper_fixture),
        "WORKER_POOL_SIZE": "1",
        "LIVETRANSLATE_CONFIG": str(configuration_file),
    }
    made = Installation(tmp_path_factory.mktemp("platform"), settings)
    yield made.up()
    made.stop()


@pytest.fixture(scope="session")
def speech_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return ten seconds of a murmuring tone, 44.1 kHz stereo."""
    path = tmp_path_factory.mktemp("audio") / "murmur.wav"
    time = np.arange(10 * 44_100) / 44_100
    tone = 0.3 * np.sin(2 * np.pi * 220 * time) * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * time))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(np.repeat((tone * 32_767).astype("<i2"), 2).tobytes())
    return path


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Browser]]:
    """Return a way to start Chromium with further flags."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:

        def start(*flags: str) -> Browser:
            return playwright.chromium.launch(
                executable_path=executable, args=[*QUIET_FLAGS, *flags]
            )

        yield start


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser], speech_file: Path) -> Iterator[Browser]:
    """Return a browser whose microphone hears the speech file over and over."""
    browser = launch(f"--use-file-for-fake-audio-capture={speech_file}")
    yield browser
    browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page of its own; an error in its scripts fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(15_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
