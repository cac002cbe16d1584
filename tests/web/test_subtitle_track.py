"""A browser plays the subtitles that the product writes, as a `<track>` of a video."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route

from livetranslate.storage.subtitles import JOINER, Cue, subtitle_file
from support.odd_texts import ODD_TEXTS

PLACE = "http://subtitles.test/"
PAGE = """<!doctype html><meta charset="utf-8"><video>
<track default kind="subtitles" srclang="en" src="/file.vtt"></video>"""
CUES = """() => new Promise((done, fail) => {
  const track = document.querySelector("track");
  const tell = () => done(Array.from(track.track.cues, cue =>
    [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent]));
  track.addEventListener("load", tell);
  const refuse = () => fail(new Error("the track cannot be read"));
  track.addEventListener("error", refuse);
  track.track.mode = "showing";
  if (track.readyState === 2) tell();
  if (track.readyState === 3) refuse();
})"""


def cues_in_browser(page: Page, content: str) -> list[list[object]]:
    def serve(route: Route) -> None:
        if route.request.url.endswith(".vtt"):
            route.fulfill(body=content, content_type="text/vtt; charset=utf-8")
        else:
            route.fulfill(body=PAGE, content_type="text/html; charset=utf-8")

    page.route(f"{PLACE}**", serve)
    page.goto(PLACE)
    found: list[list[object]] = page.evaluate(CUES)
    return found


def test_odd_texts_are_shown_as_they_were_said(page: Page) -> None:
    cues = [Cue(3600.0 * number, 3600.0 * number, (text,)) for number, text in enumerate(ODD_TEXTS)]
    cues.append(Cue(0.5, 7.0, ("overlapping", "bilingual & <b>both</b>")))
    content = subtitle_file(cues, "vtt")
    found = cues_in_browser(page, content)
    assert len(found) == len(cues)
    shown = {str(text).replace(JOINER, "") for _, _, text in found}
    for text in ODD_TEXTS:
        if not set(text) & set("{}\x07\x1b"):
            assert " ".join(text.split()) in shown, json.dumps(text)
    assert "overlapping\nbilingual & <b>both</b>" in shown
    assert [0.0, 0.5] == found[0][:2]
    assert all(float(str(end)) > float(str(start)) for start, end, _ in found)


def test_a_broken_file_would_be_seen(page: Page) -> None:
    with pytest.raises(Exception, match="cannot be read"):
        cues_in_browser(page, "no subtitles")
