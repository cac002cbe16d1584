"""What a request cannot change, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from livetranslate.domain.errors import Problem
from livetranslate.settings import Settings
from livetranslate.settings.keys import AUDIO, FIELDS
from livetranslate.settings.origin import Source


def not_keys(paths: Iterable[str]) -> Iterator[Problem]:
    """Yield what is no key of the configuration file."""
    for path in paths:
        if path not in FIELDS and path.partition(".")[0] != AUDIO:
            yield Problem(path, "is no key of the configuration")


def blocked(paths: Iterable[str], settings: Settings) -> Iterator[Problem]:
    """Yield the keys whose settings the file cannot change, since they are given elsewhere."""
    for path in paths:
        field = FIELDS.get(path)
        if field is None:
            continue
        match settings.origin.source(field):
            case Source.ENVIRONMENT:
                yield Problem(
                    path,
                    f"is given by the environment variable {field.upper()}, which the file cannot "
                    "change; unset it and restart, or change it there",
                )
            case Source.COMMAND_LINE:
                yield Problem(
                    path,
                    "is given on the command line, which the file cannot change; restart without "
                    "that option, or with another value",
                )
            case _:
                pass
