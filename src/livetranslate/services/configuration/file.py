"""Watching the configuration file: what it says now, once nobody is writing it any more."""

from __future__ import annotations

import os
from pathlib import Path

from livetranslate.settings import document
from livetranslate.settings.document import Document

Stamp = tuple[int, int, int, int]
"""What tells a changed or replaced file: device, inode, size, time of change."""


class WatchedFile:
    """A file that is looked at time after time; editors may replace it, and write it in pieces.

    Args:
        path: Where it is; it may be absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: Stamp | None = None
        self._taken: Stamp | None = None

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return self.path.exists()

    @property
    def settled(self) -> bool:
        """Whether what was taken of it last is what it says now."""
        return self._stamp() in (None, self._taken)

    def look(self, *, at_once: bool = False) -> Document | None:
        """Return what the file says, if that was not taken yet.

        Args:
            at_once: Take it though it may just be written.

        Returns:
            None while it is as it was, is absent, or has changed since the look before, for then
            it may be half written.

        Raises:
            Invalid: It cannot be read, or is no YAML.
        """
        stamp = self._stamp()
        if stamp is None or stamp == self._taken:
            return None
        quiet, self._seen = stamp == self._seen, stamp
        if not (quiet or at_once):
            return None
        self._taken = stamp
        return document.read(self.path)

    def look_again(self) -> None:
        """Have the next look take the file once more."""
        self._taken = None

    def _stamp(self) -> Stamp | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - one call for a link and what it leads to
        except OSError:
            return None
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
