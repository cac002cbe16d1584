"""One line of what the doctor says."""

from __future__ import annotations

from enum import Enum

import msgspec


class Status(str, Enum):
    """How a part is."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one part.

    Attributes:
        area: Heading it belongs under, such as ``speech``.
        name: The part.
        status: Present, absent (the platform does without it), or broken (it does not run so).
        detail: What there is, or what does not work without it.
        remedy: Command or change that mends it; empty where nothing is to be mended.
    """

    area: str
    name: str
    status: Status
    detail: str
    remedy: str = ""


def ok(area: str, name: str, detail: str, remedy: str = "") -> Finding:
    """Return the finding that a part is there; ``remedy`` then says how to get a better one."""
    return Finding(area=area, name=name, status=Status.OK, detail=detail, remedy=remedy)


def missing(area: str, name: str, detail: str, remedy: str) -> Finding:
    """Return the finding that an optional part is absent."""
    return Finding(area=area, name=name, status=Status.MISSING, detail=detail, remedy=remedy)


def broken(area: str, name: str, detail: str, remedy: str) -> Finding:
    """Return the finding that something necessary does not work."""
    return Finding(area=area, name=name, status=Status.BROKEN, detail=detail, remedy=remedy)
