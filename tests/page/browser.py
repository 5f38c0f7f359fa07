"""A headless Chromium with a page in it that reports whatever goes wrong there."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, async_playwright

from device.hub.hub import Hub
from device.hub.web.limits import WebLimits
from device.settings.schema import Settings
from tests.hub.hub_running import Sense, running

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium")
SCREENS = Path("build/screens")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
VIEWS = ("room", "live", "faces", "history", "setup")
SIZES = {"pi": (800, 480), "wall": (1920, 1080), "phone": (390, 844)}


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


class Watched:
    """A page, its errors and warnings, and its requests to other hosts."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.loads = 0
        self._origin = urlsplit(origin).netloc
        page.on("console", lambda message: self._on_console(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._on_request(request.url))
        page.on("domcontentloaded", lambda _: self._on_load())

    def _on_console(self, kind: str, text: str) -> None:
        # The browser itself reports a broken stream, which the tests cause on purpose.
        if kind in ("error", "warning") and "net::ERR_" not in text and "Failed to load resource" not in text:
            self.complaints.append(f"{kind}: {text}")

    def _on_request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self._origin:
            self.elsewhere.append(url)

    def _on_load(self) -> None:
        self.loads += 1


@contextlib.asynccontextmanager
async def open_page(
    browser: Browser, address: str, size: tuple[int, int] = SIZES["pi"], **options: object
) -> AsyncIterator[Watched]:
    """A page that must end without an error, and without a request to any host but `address`."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)  # type: ignore[arg-type]
    page = await context.new_page()
    watched = Watched(page, address)
    await page.goto(address)
    yield watched
    assert watched.complaints == [], watched.complaints
    assert watched.elsewhere == [], watched.elsewhere
    await context.close()


@dataclass(frozen=True)
class Room:
    """What most tests of the page need."""

    hub: Hub
    sense: Sense
    """Not connected with `sense=False`."""
    watched: Watched

    @property
    def page(self) -> Page:
        return self.watched.page


@contextlib.asynccontextmanager
async def open_room(
    settings: Settings,
    view: str = "",
    size: tuple[int, int] = SIZES["pi"],
    *,
    sense: bool = True,
    limits: WebLimits | None = None,
    **options: object,
) -> AsyncIterator[Room]:
    """A hub, a sense, a browser, and in it the page, with `view` shown; `options` are the browser context's."""
    fake = Sense(settings)
    async with (
        running(settings, limits=limits) as hub,
        fake if sense else contextlib.nullcontext(),
        chromium() as browser,
        open_page(browser, f"{hub.page}#{view}" if view else hub.page, size, **options) as watched,
    ):
        yield Room(hub, fake, watched)


async def shoot(page: Page, name: str) -> Path:
    """A screenshot, kept as build output."""
    path = SCREENS / f"{name}.png"
    await page.screenshot(path=path)
    return path
