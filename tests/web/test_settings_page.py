"""The settings page on the real platform: presets changed, refused, and followed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.installation import Installation


@pytest.fixture(scope="module")
def shown(installation: Installation, configuration_file: Path, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{installation.url}/settings")
    yield page
    page.close()
    configuration_file.write_text("audio:\n  preset: default\n")


@pytest.fixture
def page(shown: Page) -> Page:
    """Return the page, loaded once, without what another test has left in its fields."""
    expect(shown.get_by_role("button", name="Apply")).to_be_visible()
    discard = shown.get_by_role("button", name="Discard")
    if discard.is_enabled():
        discard.click()
    return shown


@pytest.fixture
def file(configuration_file: Path) -> Path:
    return configuration_file


def test_a_preset_is_applied_and_kept(page: Page, file: Path) -> None:
    preset = page.get_by_label("Preset of sessions that name none")
    expect(preset).to_have_value("default")
    preset.select_option("noisy")
    page.get_by_role("spinbutton", name="Ceiling").fill("-4")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("In force everywhere")).to_be_visible()
    text = file.read_text()
    assert text.startswith("# Ours.\n") and "preset: noisy" in text and "ceiling_dbfs: -4" in text


def test_every_reason_stands_at_its_field_and_nothing_changes(page: Page, file: Path) -> None:
    before = file.read_text()
    ceiling = page.get_by_role("spinbutton", name="Ceiling")
    ceiling.fill("40")
    page.get_by_role("spinbutton", name="Overlap duration").fill("20")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Nothing was changed")).to_be_visible()
    reasons = page.get_by_role("alert")
    expect(reasons).to_contain_text(["40 is outside -24 to 0 dBFS", "must be shorter than"])
    expect(ceiling).to_have_attribute("aria-invalid", "true")
    assert file.read_text() == before


def test_a_changed_file_shows_on_the_page_and_a_refused_one_too(page: Page, file: Path) -> None:
    preset = page.get_by_label("Preset of sessions that name none")
    expect(preset).to_have_value(re.compile("noisy|default"))
    file.write_text("audio:\n  preset: broadcast\n")
    expect(preset).to_have_value("broadcast")
    file.write_text("audio:\n  preset: deafening\n")
    expect(page.get_by_text("is refused, and what was before it stays")).to_be_visible()
    expect(page.get_by_text("there is no preset 'deafening'")).to_be_visible()
    file.write_text("audio:\n  preset: broadcast\n")
    expect(page.get_by_text("is refused")).to_have_count(0)


def test_a_preset_of_ones_own_is_saved_and_deleted(page: Page, file: Path) -> None:
    page.get_by_role("checkbox", name="Noise reduction").check()
    page.get_by_label("Name of a new preset").fill("hall")
    page.get_by_role("button", name="Save as preset").click()
    expect(page.get_by_label("Preset of sessions that name none")).to_have_value("hall")
    assert "hall:" in file.read_text()
    page.get_by_role("button", name="Delete hall").click()
    expect(page.get_by_label("Preset of sessions that name none")).to_have_value("default")
    assert "hall" not in file.read_text()


def test_a_number_that_a_preset_has_is_set_to_none(page: Page, file: Path) -> None:
    file.write_text(
        "audio:\n  preset: hall\n  presets:\n    hall: {high_pass: {high_cut_hz: 4000}}\n"
    )
    cut = page.get_by_role("spinbutton", name="High cut")
    expect(cut).to_have_value("4000")
    cut.fill("")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("In force everywhere")).to_be_visible()
    expect(cut).to_have_value("")
    assert "high_cut_hz: none" in file.read_text()
    file.write_text("audio:\n  preset: default\n")
    expect(page.get_by_label("Preset of sessions that name none")).to_have_value("default")


def test_secrets_are_named_and_not_shown(page: Page) -> None:
    row = page.get_by_role("row", name=re.compile("^SECRET_KEY"))
    expect(row).to_contain_text("set, not shown")
    expect(page.get_by_role("row", name=re.compile("^gateway.timeout"))).to_contain_text("at once")
