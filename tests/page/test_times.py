"""Times on the page: an old one comes with its day, and no hour is lost when the clocks change."""

import re
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Route, expect

from device.emotions import Emotion
from device.settings.schema import Settings
from tests.hub.hub_running import mood, run
from tests.page.browser import needs_chromium, open_room

pytestmark = [needs_chromium, pytest.mark.timeout(180)]
_HOUR = r"\d\d:\d\d"
_DAY_S = 24 * 3600


async def since(page: Page, expected: str) -> None:
    await expect(page.locator("#details")).to_have_text(re.compile(rf" since {expected} "))
    await expect(page.locator("#rule")).to_have_text(re.compile(f"^{expected} “comfort"))


def test_an_old_time_comes_with_its_day(house: Settings) -> None:
    async def story() -> None:
        async with open_room(house, timezone_id="Europe/Berlin") as room:
            page = room.page
            room.sense.change(mood(Emotion.SAD, 0.8))
            await expect(page.locator("#rule")).to_contain_text("comfort")
            now_s = time.time()
            await page.clock.install(time=now_s)
            await page.reload()
            await since(page, _HOUR)
            await page.clock.set_fixed_time(
                now_s + 3 * _DAY_S
            )  # later by the page's clock, without a message from the hub
            await since(page, f"[A-Z][a-z]{{2}} {_HOUR}")
            await page.clock.set_fixed_time(now_s + 7 * _DAY_S)
            await since(page, rf"\d+ [A-Z][a-z]+ {_HOUR}")

    run(story(), 120)


# The labels of cells that overlap another in their row.
_OVER = """() => [...document.querySelectorAll('.row')].flatMap((row) => {
  const cells = [...row.querySelectorAll('.cell')].map((one) => [one.ariaLabel, one.getBoundingClientRect()]);
  return cells.slice(1).filter(([, box], i) => box.left < cells[i][1].right - .5 || box.width < 2)
    .map(([name]) => name);
})"""


@pytest.mark.parametrize("now", ["2026-10-25T12:20", "2026-03-29T12:20"])
def test_each_hour_of_a_day_when_the_clocks_change_can_be_tapped(house: Settings, now: str) -> None:
    now_s = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()

    async def slots(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        step_s = float(asked["step_s"][0])
        since_s = now_s - 86_400 if asked["since"][0] == "24h" else float(asked["since"][0])
        starts = [since_s + i * step_s for i in range(int((now_s - since_s) // step_s) + 1)]
        said = [{"start_s": start_s, "mood": {"happy": step_s}, "nobody": 0, "unseen": 0} for start_s in starts]
        await route.fulfill(json={"since_s": since_s, "until_s": now_s, "step_s": step_s, "slots": said})

    async def story() -> None:
        async with open_room(house, timezone_id="Europe/Berlin", sense=False) as room:
            page = room.page
            await page.clock.set_fixed_time(now_s)
            await page.route("**/api/history/slots*", slots)
            await page.goto(room.hub.page + "#history")
            await page.reload()
            await page.click("#span-week")
            await expect(page.locator(".cell")).to_have_count(7 * 24)
            assert await page.evaluate(_OVER) == []
            if now.startswith("2026-10"):
                twice = page.get_by_label(re.compile("^Sun 02:00"))
                await expect(twice).to_have_count(2)
                for one in await twice.all():
                    await one.click(timeout=2000)

    run(story(), 120)
