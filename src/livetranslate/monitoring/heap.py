"""The C library's heap."""

from __future__ import annotations

import ctypes
import sys


def trim() -> None:
    """Return freed memory to the system that the C library keeps for itself.

    glibc gives back only what lies at the end of an arena until it is told to look at all of them
    (``malloc_trim(3)``). Arenas of threads that compute in turns are in large part such holes. On
    other systems nothing is done. Takes milliseconds, in which other threads may run.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
