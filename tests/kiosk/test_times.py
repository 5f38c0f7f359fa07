"""Times on the page: an old one says its day, and no hour is lost at a change of the clock."""

import re
import time

import pytest
from playwright.async_api import Page, expect

from device.emotions import Emotion
from device.settings import Settings
from tests.hub.helpers import Sense, mood, run, running
from tests.kiosk.browser import chromium, needs_chromium, open_page

pytestmark = [needs_chromium, pytest.mark.timeout(180)]
_HOUR = r"\d\d:\d\d"
_DAY_S = 24 * 3600


async def since(page: Page, expected: str) -> None:
    await expect(page.locator("#sure")).to_have_text(re.compile(rf" since {expected} "))
    await expect(page.locator("#rule")).to_have_text(re.compile(f"^{expected} “comfort"))


def test_an_old_time_says_its_day(house: Settings) -> None:
    async def story() -> None:
        async with (
            running(house) as hub,
            Sense(house) as sense,
            chromium() as browser,
            open_page(browser, hub.page, timezone_id="Europe/Berlin") as watched,
        ):
            page = watched.page
            sense.change(mood(Emotion.SAD, 0.8))
            await expect(page.locator("#rule")).to_contain_text("comfort")
            now_s = time.time()
            await page.clock.install(time=now_s)
            await page.reload()
            await since(page, _HOUR)
            await page.clock.set_fixed_time(now_s + 3 * _DAY_S)  # seconds later by the page, and no word from hub
            await since(page, f"[A-Z][a-z]{{2}} {_HOUR}")
            await page.clock.set_fixed_time(now_s + 7 * _DAY_S)
            await since(page, rf"\d+ [A-Z][a-z]+ {_HOUR}")

    run(story(), 120)
