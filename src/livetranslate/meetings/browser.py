"""Chromium for the bots: one driver, a browser with a profile of its own for each, no leftovers."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import structlog

from livetranslate.meetings import meet
from livetranslate.meetings.errors import BrowserUnavailable

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-gpu",
    "--disable-renderer-backgrounding",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
)
LOOPBACK_FLAGS = (
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--allow-loopback-in-peer-connection",
)
"""A rehearsal's peers meet on the loopback interface of this machine."""
CLOSE_S = 10.0
_log = structlog.get_logger(__name__)


class BrowserPlan:
    """How one browser is started.

    Args:
        executable: Chromium; None looks for it.
        profile: Stored profile to begin with; None for an empty one.
        pins: Hosts and the addresses that they are to be found at.
        loopback: Whether its peers are on this machine.
        start_s: Seconds it has to start.
    """

    def __init__(
        self,
        *,
        executable: str | None = None,
        profile: str | None = None,
        pins: Sequence[tuple[str, str]] = (),
        loopback: bool = False,
        start_s: float = 60.0,
    ) -> None:
        self.executable = executable
        self.profile = profile
        self.pins = tuple(pins)
        self.loopback = loopback
        self.start_s = start_s

    def flags(self) -> list[str]:
        """Return the flags of the command line."""
        flags = [*FLAGS]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # the sandbox refuses to run as root, as in a container
        if self.loopback:
            flags += LOOPBACK_FLAGS
        if self.pins:
            rules = ", ".join(f"MAP {host} {_bracketed(found)}" for host, found in self.pins)
            flags.append(f"--host-resolver-rules={rules}")
        return flags


def find_chromium(executable: str | None = None) -> str:
    """Return the browser's path; raises BrowserUnavailable."""
    found = (
        shutil.which(executable)
        if executable
        else next(filter(None, map(shutil.which, NAMES)), None)
    )
    if found is None:
        raise BrowserUnavailable(
            f"{executable or 'Chromium'} is not there; install it with "
            "`apt-get install chromium`, or say where it is with CHROMIUM_PATH"
        )
    return found


class Browsers:
    """Starts browsers; the driver is started with the first and stopped by ``close``."""

    def __init__(self) -> None:
        self._driver: Playwright | None = None
        self._starting = asyncio.Lock()

    async def close(self) -> None:
        """Stop the driver."""
        driver, self._driver = self._driver, None
        if driver is not None:
            with suppress(Exception):
                await driver.stop()

    @asynccontextmanager
    async def open(self, plan: BrowserPlan) -> AsyncGenerator[BrowserContext]:
        """Run a browser of its own; afterwards none of its processes is left.

        Raises:
            BrowserUnavailable: It cannot be started.
        """
        executable = find_chromium(plan.executable)
        driver = await self._started()
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="livetranslate-bot-"))
        try:
            if plan.profile is not None:
                await asyncio.to_thread(
                    shutil.copytree, plan.profile, folder, dirs_exist_ok=True, symlinks=True
                )
            context = await self._launch(driver, executable, folder, plan)
            try:
                yield context
            finally:
                with suppress(Exception):
                    await asyncio.wait_for(context.close(), CLOSE_S)
        finally:
            await asyncio.shield(asyncio.to_thread(_clear, folder))

    async def _launch(
        self, driver: Playwright, executable: str, folder: Path, plan: BrowserPlan
    ) -> BrowserContext:
        from playwright.async_api import Error

        try:
            return await driver.chromium.launch_persistent_context(
                folder,
                executable_path=executable,
                headless=True,
                args=plan.flags(),
                bypass_csp=True,
                locale=meet.LOCALE,
                viewport={"width": 1280, "height": 720},
                timeout=plan.start_s * 1000,
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except Error as error:
            first = error.message.splitlines()[0] if error.message else "no reason given"
            raise BrowserUnavailable(f"{executable} does not start: {first}") from error

    async def _started(self) -> Playwright:
        async with self._starting:
            if self._driver is None:
                try:
                    from playwright.async_api import async_playwright
                except ImportError as error:
                    raise BrowserUnavailable(
                        "meeting bots need Playwright; install it with "
                        "`pip install 'livetranslate[meetings]'`"
                    ) from error
                self._driver = await async_playwright().start()
            return self._driver


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes of the browser that has this profile."""
    mark = f"--user-data-dir={folder}"
    mains = [
        process
        for process in psutil.process_iter(["cmdline"])
        if mark in (process.info["cmdline"] or ())
    ]
    found = {process.pid: process for process in mains}
    for process in mains:
        with suppress(psutil.Error):
            found.update({child.pid: child for child in process.children(recursive=True)})
    return list(found.values())


def _clear(folder: Path) -> None:
    """End what is left of a browser, and remove its profile."""
    left = processes_of(folder)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=CLOSE_S)
    shutil.rmtree(folder, ignore_errors=True)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
