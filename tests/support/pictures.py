"""Finding text in pictures: by template, wherever in the picture it stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livetranslate.meetings.webcam.layout import metrics
from livetranslate.meetings.webcam.options import WebcamOptions
from livetranslate.meetings.webcam.text.fonts import system_fonts
from livetranslate.meetings.webcam.text.itemise import clean, told
from livetranslate.meetings.webcam.text.shaping import Shaper, coverage
from livetranslate.meetings.webcam.text.wrapping import units, wrap

FOUND = 0.9
"""Correlation from which a text counts as found; another text of the same length reaches 0.6."""


def likeness(rgb: NDArray[np.uint8], template: NDArray[np.uint8]) -> float:
    """The best normalised correlation of a template with any place of a picture, by its green."""
    image = rgb[..., 1].astype(np.float64)
    image -= image.mean()
    mark = template.astype(np.float64)
    mark -= mark.mean()
    ones = np.ones_like(mark)
    sums = _correlate(image, ones)
    spread = np.sqrt(np.maximum(_correlate(image**2, ones) - sums**2 / mark.size, 0.0))
    # Where the picture is plain there is nothing to correlate with.
    busy = spread > np.linalg.norm(mark) / 20
    score = np.where(busy, _correlate(image, mark) / np.maximum(spread, 1.0), 0.0)
    return float(np.abs(score).max() / np.linalg.norm(mark))


def _correlate(image: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of products at every place where the kernel is wholly inside."""
    products = np.fft.rfft2(image) * np.conj(np.fft.rfft2(kernel, image.shape))
    full = np.fft.irfft2(products, image.shape)
    return full[: image.shape[0] - kernel.shape[0] + 1, : image.shape[1] - kernel.shape[1] + 1]


def shows(
    rgb: NDArray[np.uint8],
    text: str,
    language: str,
    options: WebcamOptions | None = None,
    *,
    translated: bool = False,
) -> bool:
    """Whether the last line of a text, wrapped anew, is in a picture of the webcam."""
    sizes = metrics(options or WebcamOptions())
    shaper = Shaper(system_fonts(), sizes.translation if translated else sizes.original)
    written, _ = told(clean(text), language, shaper.fonts)
    lines = wrap(
        units(written, language), lambda part: shaper.width(part, language), sizes.text_width, []
    )
    last = shaper.line("".join(lines[-1]).rstrip(), language)
    mark = coverage(last, round(last.size * 0.8), round(last.size * 0.25))
    return likeness(rgb, mark) >= FOUND
