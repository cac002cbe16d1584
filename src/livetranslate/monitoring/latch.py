"""A switch that does not flap: it goes on and off at different values, and only after a while."""

from __future__ import annotations

import msgspec


class Band(msgspec.Struct, frozen=True):
    """When a latch switches.

    Attributes:
        on_at: It goes on at this value or above.
        off_at: It goes off at this value or below; not above ``on_at``.
        on_after_s: Seconds for which the value must have been that high.
        off_after_s: Seconds for which the value must have been that low.
    """

    on_at: float
    off_at: float
    on_after_s: float = 0.0
    off_after_s: float = 0.0


class Latch:
    """On or off by one value. Pure: the time that has passed is told with each look.

    Args:
        band: When it switches.
    """

    def __init__(self, band: Band) -> None:
        self._band = band
        self._on = False
        self._beyond_s: float | None = None

    @property
    def on(self) -> bool:
        """Whether it is on."""
        return self._on

    def look(self, value: float, elapsed_s: float) -> bool:
        """Take the present value, ``elapsed_s`` after the one before; return whether it is on."""
        band = self._band
        beyond = value <= band.off_at if self._on else value >= band.on_at
        if not beyond:
            self._beyond_s = None
            return self._on
        self._beyond_s = 0.0 if self._beyond_s is None else self._beyond_s + elapsed_s
        if self._beyond_s >= (band.off_after_s if self._on else band.on_after_s):
            self._on = not self._on
            self._beyond_s = None
        return self._on
