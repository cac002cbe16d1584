"""Starts the processes of a load and gathers their figures."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

import msgspec

from livetranslate.services.load.figures import Figures, total
from livetranslate.services.load.options import LoadOptions, shares
from livetranslate.services.load.process import Orders

LINE_BYTES = 16 * 1024 * 1024


class Conductor:
    """Runs a load in processes of its own, so that showing it does not disturb it.

    Args:
        options: The load.
        processes: How many share it.
    """

    def __init__(self, options: LoadOptions, processes: int) -> None:
        self._orders = [Orders(options, share) for share in shares(options, processes)]
        self._newest = [Figures() for _ in self._orders]
        self._processes: list[asyncio.subprocess.Process] = []
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the begin."""
        return time.monotonic() - self._began

    def figures(self) -> Figures:
        """Return what all processes have seen so far."""
        return total(self._newest)

    async def run(self) -> Figures:
        """Run the load to its end."""
        self._began = time.monotonic()
        try:
            await asyncio.gather(*(self._run_one(number) for number in range(len(self._orders))))
        finally:
            for process in self._processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        return self.figures()

    def stop(self) -> None:
        """End the sessions now; ``run`` returns once they have ended."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()

    async def _run_one(self, number: int) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "livetranslate.services.load.process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            start_new_session=True,
        )
        self._processes.append(process)
        assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
        process.stdin.write(msgspec.json.encode(self._orders[number]) + b"\n")
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
        async for line in process.stdout:
            self._newest[number] = msgspec.json.decode(line, type=Figures)
        code = await process.wait()
        if not self._newest[number].done:
            self._newest[number].lost.append(f"process {number} of the load tool died ({code})")
