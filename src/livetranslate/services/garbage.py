"""The memory of processes that serve for long: what is collected, and what goes back."""

from __future__ import annotations

import gc

from livetranslate.monitoring.heap import trim


def set_aside() -> None:
    """Take all that a process has built up to now out of the collector's sight for good.

    Modules, apps and schemas are some hundred thousand objects that live as long as the process. A
    full collection that visits them stops every session of the process for about 0.1 s; without
    them it takes milliseconds. To be called once, when everything is ready to serve.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Return to the system what many connections held that are gone."""
    gc.collect()
    trim()
