"""The adapter: a meeting's page in a browser, seen and used by what ``meet`` knows of it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from livetranslate.meetings import meet
from livetranslate.meetings.camera import Patch
from livetranslate.meetings.observation import Observation

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Locator, Page

CLICK_MS = 5_000
LOOK_MS = 15_000
_log = structlog.get_logger(__name__)


def script(name: str) -> str:
    """Return a script of the package."""
    return resources.files("livetranslate.meetings.scripts").joinpath(name).read_text("utf-8")


class PageLost(Exception):
    """The page, or its browser, is not there any more."""


class MeetingPage:
    """A bot's view of its meeting.

    Args:
        page: The browser's page.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._know = meet.as_json()
        self._observe = script("observe.js")
        self.crashed = False
        page.on("crash", self._on_crash)

    @classmethod
    async def open(
        cls, context: BrowserContext, url: str, on_block: Callable[[str], None], start_s: float
    ) -> MeetingPage:
        """Open a meeting with the ear in place before the page's own scripts.

        Raises:
            PageLost: The page cannot be opened.
        """
        from playwright.async_api import Error

        try:
            await context.expose_function(  # pyright: ignore[reportUnknownMemberType] - its callback is typed in part
                "livetranslateBlock", on_block
            )
            know = json.dumps(meet.as_json())
            await context.add_init_script(f"({script('ear.js')})({know})")
            page = context.pages[0] if context.pages else await context.new_page()
            found = cls(page)
            await page.goto(url, wait_until="domcontentloaded", timeout=start_s * 1000)
        except Error as error:
            raise PageLost(error.message.splitlines()[0]) from error
        return found

    async def look(self) -> Observation:
        """Return what the page shows; raises PageLost."""
        seen = await self._evaluate(self._observe, self._know)
        return msgspec.convert(seen, Observation)

    async def ear(self) -> dict[str, Any]:
        """Return how the ear is: blocks, tracks, the audio's clock; raises PageLost."""
        return await self._evaluate("() => window.livetranslateEar?.state() ?? {}", None)

    async def ask_to_join(self, name: str, *, camera: bool) -> None:
        """Give the name, set microphone and camera, and ask to be let in; raises PageLost.

        Args:
            name: The bot's name.
            camera: Whether it is to be seen; the microphone stays off.
        """
        from playwright.async_api import Error

        try:
            await self._press("dismiss")
            for label in meet.NAME_FIELD:
                field = self._page.get_by_role("textbox", name=label)
                if await field.count():
                    await field.first.fill(name, timeout=CLICK_MS)
            await self.set_devices(camera=camera)
            await self._press("join")
        except Error as error:
            raise PageLost(error.message.splitlines()[0]) from error

    async def set_devices(self, *, camera: bool) -> None:
        """Turn the microphone off and the camera as wanted, where they are not so already."""
        await self._press("microphone_off")
        await self._press("camera_on" if camera else "camera_off")

    async def draw(self, patch: Patch) -> None:
        """Draw on the picture that the camera sends; raises PageLost."""
        where = {name: getattr(patch, name) for name in ("left", "top", "width", "height")}
        picture = {"png": b64encode(patch.png).decode(), **where}
        await self._evaluate("(picture) => window.livetranslateEar?.draw(picture)", picture)

    async def leave(self) -> None:
        """Leave the call, or the wait for it; nothing happens where the page offers no way."""
        from playwright.async_api import Error

        try:
            await self._press("leave")
        except Error as error:
            _log.info("left by closing", reason=error.message.splitlines()[0])

    async def screenshot(self) -> bytes:
        """Return a picture of the page as PNG; raises PageLost."""
        from playwright.async_api import Error

        try:
            return await self._page.screenshot(timeout=LOOK_MS)
        except Error as error:
            raise PageLost(error.message.splitlines()[0]) from error

    async def _press(self, control: str) -> None:
        for label in meet.CONTROLS[control]:
            button = self._button(label)
            if await button.count():
                await button.first.click(timeout=CLICK_MS)
                return

    def _button(self, label: str) -> Locator:
        return self._page.get_by_role("button", name=label)

    async def _evaluate(self, code: str, argument: object) -> Any:
        from playwright.async_api import Error

        if self.crashed:
            raise PageLost("the page crashed")
        try:
            return await self._page.evaluate(code, argument)
        except Error as error:
            raise PageLost(error.message.splitlines()[0]) from error

    def _on_crash(self, _: object) -> None:
        self.crashed = True
