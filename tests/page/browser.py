"""A headless Chromium with a page in it, that counts whatever goes wrong there."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, async_playwright

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
    """A page, and all that it complained of or asked elsewhere for."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.loads = 0
        self.bytes = 0
        self._origin = urlsplit(origin).netloc
        page.on("console", lambda said: self._console(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        page.on("domcontentloaded", lambda _: self._loaded())

    def _console(self, kind: str, text: str) -> None:
        # A stream that breaks off is said by the browser itself, and is what the tests do on purpose.
        if kind in ("error", "warning") and "net::ERR_" not in text and "Failed to load resource" not in text:
            self.complaints.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self._origin:
            self.elsewhere.append(url)

    def _loaded(self) -> None:
        self.loads += 1


@contextlib.asynccontextmanager
async def open_page(
    browser: Browser, address: str, size: tuple[int, int] = SIZES["pi"], **more: object
) -> AsyncIterator[Watched]:
    """A page that must end without a complaint, and without a word to anybody but `address`."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, **more)  # type: ignore[arg-type]
    page = await context.new_page()
    watched = Watched(page, address)
    await page.goto(address)
    yield watched
    assert watched.complaints == [], watched.complaints
    assert watched.elsewhere == [], watched.elsewhere
    await context.close()


async def shoot(page: Page, name: str) -> Path:
    """A screenshot, kept as build output."""
    path = SCREENS / f"{name}.png"
    await page.screenshot(path=path)
    return path
