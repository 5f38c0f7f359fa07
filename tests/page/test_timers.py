"""A page that stays open for months: timers and requests do not pile up."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from device.settings.schema import Settings
from tests.hub.hub_running import run, until
from tests.page.browser import needs_chromium, open_room

pytestmark = [needs_chromium, pytest.mark.timeout(180)]
# Every pending setTimeout, with its delay.
_COUNTED = """(() => {
  const set = setTimeout, clear = clearTimeout;
  window.waiting = new Map();
  window.setTimeout = (what, ms, ...more) => {
    const id = set((...given) => { waiting.delete(id); what(...given); }, ms, ...more);
    waiting.set(id, ms);
    return id;
  };
  window.clearTimeout = (id) => { waiting.delete(id); clear(id); };
})()"""
_OF_THE_DAY = "[...waiting.values()].filter((ms) => ms === 4000 || ms === 5 * 60 * 1000).length"


def test_the_day_line_has_one_timer(house: Settings) -> None:
    async def story() -> None:
        asked = answered = 0

        async def slow(route: Route) -> None:
            nonlocal asked, answered
            asked += 1
            await asyncio.sleep(0.5)
            await route.continue_()
            answered += 1

        async with open_room(house, sense=False) as room:
            page = room.page
            await page.add_init_script(_COUNTED)
            await page.route("**/api/history/slots*", slow)
            await page.reload()
            await expect(page.locator("#status")).to_have_text("Camera service restarting…")
            await until(lambda: answered == 1)
            room.hub.store.log_change({"emotion": "sad"})
            for times in (2, 3, 4):
                await until(lambda times=times: asked == times)  # type: ignore[misc]
                room.hub.store.log_change({"emotion": "happy"})  # a change while the line is loading
                await until(lambda times=times: answered == times)  # type: ignore[misc]
                await asyncio.sleep(0.5)
                assert await page.evaluate(_OF_THE_DAY) == 1
            assert asked == 4, "and each change is drawn"

    run(story(), 120)


def test_the_setup_view_is_loaded_only_while_it_is_shown(house: Settings) -> None:
    async def story() -> None:
        asked = 0

        async def slow(route: Route) -> None:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0.5)
            await route.continue_()

        async with open_room(house, sense=False) as room:
            page = room.page
            await page.route("**/api/setup", slow)
            for _ in range(3):  # in and out before the answer
                await page.keyboard.press("5")
                await expect(page.locator("#setup")).to_be_visible()
                await page.keyboard.press("1")
            await asyncio.sleep(1)
            before = asked
            await asyncio.sleep(6)
            assert asked == before
            await page.keyboard.press("5")
            await asyncio.sleep(7)
            assert asked == before + 2, "once, and once again after five seconds"

    run(story(), 120)
