"""Start a program that dies with the process that started it: ``launch PARENT_PID PROGRAM ARG…``.

A worker must not outlive its main process, even if that one is killed or the worker hangs. So the
kernel is asked to kill this process when its parent is gone, and then it becomes the program; the
request survives ``exec``. See prctl(2), ``PR_SET_PDEATHSIG``. Run as a file: it needs nothing of
the package.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the program; arguments are the parent's process id, the program, its arguments."""
    parent, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        # The parent died before the request: nobody would ever end this process.
        sys.exit(f"the parent process {parent} is gone")
    os.execv(command[0], command)  # noqa: S606 - becoming that program is what this is for


if __name__ == "__main__":
    main(sys.argv[1:])
