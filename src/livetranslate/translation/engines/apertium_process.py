"""One persistent Apertium pipeline: a text in, a NUL, the translation out, a NUL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path

import structlog

from livetranslate.domain.errors import BackendUnavailable

_log = structlog.get_logger(__name__)
_OUTPUT_LIMIT = 4 * 1024 * 1024
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath)}


class ApertiumProcess:
    """The stages of one mode as one process group, used by one caller at a time.

    It is started by the first text, and again when it has died. One that does not answer in time
    is killed. If this process dies, the kernel kills the pipeline's shell (parent-death signal) and
    the stages end at the end of their input.

    Args:
        mode_file: The mode's pipeline.
        timeout_s: Seconds for one answer, a start included.
    """

    def __init__(self, mode_file: Path, *, timeout_s: float) -> None:
        self._mode_file = mode_file
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Id of the process group, or None while it does not run."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    async def exchange(self, stream: str) -> str:
        """Return the pipeline's answer to a text in stream format.

        A pipeline found dead is started again and gets the text once more.

        Raises:
            BackendUnavailable: It cannot be started, dies again, or does not answer in time.
        """
        async with self._lock:
            for last_try in (False, True):
                try:
                    async with asyncio.timeout(self._timeout_s):
                        return await self._exchange(stream)
                except TimeoutError as error:
                    raise BackendUnavailable(
                        f"apertium {self._mode_file.stem} did not answer in {self._timeout_s:g} s"
                    ) from error
                except (asyncio.IncompleteReadError, ConnectionError) as error:
                    _log.warning("apertium_died", mode=self._mode_file.stem)
                    if last_try:
                        raise BackendUnavailable(
                            f"apertium {self._mode_file.stem} ends while it translates"
                        ) from error
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """End the pipeline."""
        async with self._lock:
            await self._kill()

    async def _exchange(self, stream: str) -> str:
        try:
            process = self._process
            if process is None or process.returncode is not None:
                process = self._process = await self._start()
            assert process.stdin is not None and process.stdout is not None  # noqa: S101 - pipes
            process.stdin.write(stream.encode("utf-8", "replace") + b"\0")
            await process.stdin.drain()
            answer = await process.stdout.readuntil(b"\0")
            return answer[:-1].decode("utf-8", "replace")
        except BaseException:
            # Whatever interrupted the exchange, an answer may be left in the pipe.
            await self._kill()
            raise

    async def _start(self) -> asyncio.subprocess.Process:
        pipeline = await self._pipeline()
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        return await asyncio.create_subprocess_exec(
            *guard,
            *("sh", "-c", pipeline, "apertium", "-g"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_OUTPUT_LIMIT,
            start_new_session=True,
            env=_ENVIRONMENT,
        )

    async def _pipeline(self) -> str:
        """Return the mode's shell pipeline with every stage flushing at NUL."""
        try:
            process = await asyncio.create_subprocess_exec(
                *("apertium-wblank-mode", "-z", str(self._mode_file)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_ENVIRONMENT,
            )
        except OSError as error:
            raise BackendUnavailable(f"apertium cannot be started: {error}") from error
        output, _ = await process.communicate()
        if process.returncode != 0 or not output.strip():
            raise BackendUnavailable(f"apertium cannot read its mode {self._mode_file.name}")
        return output.decode()

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
