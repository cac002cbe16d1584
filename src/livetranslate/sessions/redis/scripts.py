"""Lua scripts that change several things of one session, or of the queue, in one step."""

from __future__ import annotations

import hashlib
from importlib.resources import files


class Script:
    """A script of a package's ``lua`` folder.

    Attributes:
        source: Its text, behind what all scripts of the folder share (``common.lua``).
        sha: What Redis knows it by.
    """

    def __init__(self, package: str, name: str) -> None:
        folder = files(package) / "lua"
        common = folder / "common.lua"
        parts = [common] if common.is_file() else []
        parts.append(folder / f"{name}.lua")
        self.source = "\n".join(part.read_text(encoding="utf-8") for part in parts)
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
