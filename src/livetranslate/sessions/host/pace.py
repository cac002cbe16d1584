"""How far a session is behind real time, judged by its host alone.

Everything that was in the log when a read found its end had come by then. So once that is decoded,
the session is up to the moment of that read, and its lag is what has passed since. A backlog worked
off faster than it could have been spoken (a file, a session taken over) is no lag: that session
gets all that real time asks for.
"""

from __future__ import annotations


class Pace:
    """Lag of one session. Times are seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self._until: float | None = None
        self._began = 0.0
        self._audio_s = 0.0
        self._drained = True
        self._working = False

    def read(self, now: float, audio_s: float, *, drained: bool) -> None:
        """Note that entries were read.

        Args:
            now: The time.
            audio_s: Seconds of audio in them.
            drained: Whether there was nothing more.
        """
        if self._until is None:
            self._until = now
        elif self._drained:
            # Spoken audio cannot have begun to come earlier than it is long.
            self._until = max(self._until, now - audio_s)
        self._began, self._audio_s = now, audio_s
        self._drained, self._working = drained, True

    def done(self) -> None:
        """Note that all that was read is decoded."""
        if self._until is not None:
            at_most = self._began if self._drained else self._until + self._audio_s
            self._until = max(self._until, min(self._began, at_most))
        self._working = False

    def lag_s(self, now: float) -> float:
        """Return the seconds that the session is behind; 0 while it waits for audio."""
        if self._until is None or (self._drained and not self._working):
            return 0.0
        return max(0.0, now - self._until)
