"""Every view at every size: it fits, loads little, makes no request to other hosts, and follows the room."""

import asyncio
import re
import time

import msgspec
import pytest
from playwright.async_api import expect

from device.emotions import Emotion
from device.ipc.messages import Stage, State
from device.settings.schema import Settings
from tests.hub.hub_running import WELL, Sense, mood, run, running, until
from tests.page.browser import SIZES, VIEWS, chromium, needs_chromium, open_page, open_room, shoot
from tests.page.days import write_history

pytestmark = [needs_chromium, pytest.mark.timeout(180)]
WEIGHT = 150_000
"""Bytes, of all that the page loads."""
# The document never scrolls, because the page's frame clips what does not fit. So check each element.
_OUTSIDE = """() => [...document.querySelectorAll('main section:not([hidden]) *, header *, footer button')]
  .filter((one) => one.offsetParent && !one.closest('#chart, #checks, #face-cards'))
  .map((one) => [one.id || one.textContent.slice(0, 20), one.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.left < -8 || box.top < -8 || box.right > innerWidth + 8 ||
    box.bottom > innerHeight + 8))
  .map(([name]) => name)"""


@pytest.mark.parametrize("size", SIZES)
def test_every_view_fits_and_is_light(house: Settings, size: str) -> None:
    write_history(house)

    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense, chromium() as browser:
            sense.change(mood(Emotion.SURPRISE, 0.82, people=2))
            await until(lambda: hub.store.now.last_rule is None and hub.store.now.mood)
            async with open_page(browser, hub.page, SIZES[size]) as watched:
                page, loaded = watched.page, []
                page.on("requestfinished", lambda request: loaded.append(request))  # noqa: PLW0108 - a builtin cannot be wrapped
                await page.reload()
                await expect(page.locator("#word")).to_have_text("surprised")
                await expect(page.locator("#day-line i").first).to_be_attached()
                sizes = [await request.sizes() for request in loaded]
                assert 20_000 < sum(s["responseBodySize"] + s["responseHeadersSize"] for s in sizes) < WEIGHT
                for view in VIEWS:
                    await page.click(f"button[data-view={view}]")
                    await expect(page.locator(f"#{view}")).to_be_visible()
                    await asyncio.sleep(0.7)
                    await shoot(page, f"{view}-{size}")
                    assert await page.evaluate(_OUTSIDE) == []
                    assert await page.locator("section:visible").count() == 1
                for button in await page.locator("footer button").all():
                    box = await button.bounding_box()
                    assert box
                    assert box["height"] >= 32, "a finger needs this much"

    run(story(), 150)


def test_the_page_follows_the_mood_without_a_reload(house: Settings) -> None:
    async def story() -> None:
        async with open_room(house) as room:
            page = room.page
            for emotion, word in ((Emotion.HAPPY, "happy"), (Emotion.DISGUST, "disgusted"), (Emotion.SAD, "sad")):
                room.sense.change(mood(emotion, 0.82, people=3))
                await expect(page.locator("#word")).to_have_text(word)
                await expect(page.locator("#details")).to_contain_text("82 % sure")
                await expect(page.locator("#details")).to_contain_text("3 people")
            await expect(page.locator("#readings")).to_have_text("face: sad, 64 % · voice: sad, 80 %")
            await expect(page.locator("#rule")).to_contain_text("“comfort”: sad 82 % for")
            await expect(page.locator("#lamp-text")).to_have_text("lamp 40 %")
            room.sense.change(mood(Emotion.UNKNOWN, 0.3, people=1))
            await expect(page.locator("#word")).to_have_text("not sure")
            await expect(page.locator("#details")).to_contain_text("someone is here")
            await shoot(page, "unknown-pi")
            empty = msgspec.structs.replace(mood(Emotion.UNKNOWN, 0.3, people=0), face=None, voice=None)
            room.sense.change(empty)
            await expect(page.locator("#word")).to_have_text("nobody here")
            await shoot(page, "nobody-pi")
            room.sense.health = msgspec.structs.replace(WELL, stages={"camera": Stage(State.LOST, "unplugged")})
            await expect(page.locator("#word")).to_have_text("no picture")
            assert room.watched.loads == 1

    run(story(), 120)


def test_keys_and_the_address_choose_a_view(house: Settings) -> None:
    async def story() -> None:
        async with open_room(house, "history", sense=False) as room:
            page = room.page
            await expect(page.locator("#history")).to_be_visible()
            for key, view in (("1", "room"), ("5", "setup"), ("ArrowRight", "room"), ("ArrowLeft", "setup")):
                await page.keyboard.press(key)
                await expect(page.locator(f"#{view}")).to_be_visible()
            await page.keyboard.press("Escape")
            await expect(page.locator("#room")).to_be_visible()
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.dataset.view") == "room"
            assert page.url.endswith("#room")

    run(story(), 120)


@pytest.mark.parametrize("view", ["history", "setup"])
def test_keys_choose_a_view_while_something_that_scrolls_has_the_focus(house: Settings, view: str) -> None:
    async def story() -> None:
        async with open_room(house, view, sense=False) as room:
            page = room.page
            inside = page.locator("#chart .column, #checks:visible").last
            await expect(inside).to_be_visible()
            for key, shown in (("ArrowLeft", view), ("2", "live"), ("Escape", "room")):
                await page.evaluate(f"location.hash = '{view}'")
                await expect(page.locator(f"#{view}")).to_be_visible()
                await inside.focus()
                await page.keyboard.press(key)
                await expect(page.locator(f"#{shown}")).to_be_visible()

    run(story(), 120)


def _days_of_a_week() -> int:
    """Calendar days that the last 7 x 24 hours touch: eight, or seven in the last hour of a day."""
    now_s = time.time()
    return len({time.localtime(now_s - 3600 * hours).tm_yday for hours in range(7 * 24)})


def test_a_week_is_read_hour_by_hour_and_exported(house: Settings) -> None:
    write_history(house)

    async def story() -> None:
        async with open_room(house, "history", sense=False) as room:
            page = room.page
            await expect(page.locator(".column")).to_have_count(24)
            await expect(page.locator("#history-status")).to_contain_text("neutral")
            days = _days_of_a_week()
            await page.click("#span-week")
            await expect(page.locator(".cell").nth(7 * 24 - 2)).to_be_visible()
            assert await page.locator(".row").count() in {days, _days_of_a_week()}
            assert 7 * 24 - 1 <= await page.locator(".cell").count() <= 7 * 24
            await page.locator(".cell").nth(100).click()
            await expect(page.locator("#history-status")).to_have_text(
                re.compile(r"^[A-Z][a-z]{2} \d\d:\d\d: .+ (min|h)$")
            )
            await shoot(page, "week-pi")
            async with page.expect_download() as started:
                await page.click("#export")
            download = await started.value
            text = (await download.path()).read_text()
            assert text.startswith("time,kind,emotion,confidence")
            assert text.count("\nold") == 0
            assert text.count(",mood,") > 150

    run(story(), 120)


@pytest.mark.parametrize(("hours", "dim"), [("00:00-12:00", None), ("12:00-00:00", None), ("", False)])
def test_the_page_is_dim_at_night(house: Settings, hours: str, dim: bool | None) -> None:
    mine = msgspec.structs.replace(house, kiosk=msgspec.structs.replace(house.kiosk, night=hours))

    async def story() -> None:
        async with open_room(mine) as room:
            await expect(room.page.locator("#status")).to_contain_text("microphone on")
            morning = time.localtime().tm_hour < 12
            expected = dim if dim is not None else morning == hours.startswith("00")
            assert await room.page.evaluate("document.body.classList.contains('night')") == expected

    run(story(), 120)


def test_the_ring_moves_unless_motion_is_reduced(house: Settings) -> None:
    picture = "() => document.getElementById('shape').toDataURL()"

    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense, chromium() as browser:
            sense.change(mood(Emotion.HAPPY))
            for motion, moves in (("no-preference", True), ("reduce", False)):
                async with open_page(browser, hub.page, reduced_motion=motion) as watched:
                    await expect(watched.page.locator("#word")).to_have_text("happy")
                    await asyncio.sleep(4)
                    first = await watched.page.evaluate(picture)
                    await asyncio.sleep(1)
                    assert (await watched.page.evaluate(picture) != first) == moves

    run(story(), 120)


@pytest.mark.parametrize(("motion", "still"), [("reduce", True), ("no-preference", False)])
def test_the_page_does_not_drift_when_motion_is_reduced(house: Settings, motion: str, still: bool) -> None:
    async def story() -> None:
        async with open_room(house, reduced_motion=motion, sense=False) as room:
            page = room.page
            await page.clock.install()
            await page.reload()
            await expect(page.locator("#status")).to_have_text("Camera service restarting…")
            places = set()
            for _ in range(4):
                await page.clock.run_for(61_000)
                places.add(await page.evaluate("document.getElementById('drift').style.transform"))
            assert places == {"translate(0px, 0px)"} if still else len(places) > 2

    run(story(), 120)


def test_the_setup_view_says_what_is_wrong(house: Settings) -> None:
    async def story() -> None:
        async with open_room(house, "setup", sense=False) as room:
            page = room.page
            await expect(page.locator("#checks .bad")).to_contain_text("sense has not connected yet")
            async with Sense(house) as sense:
                sense.health = msgspec.structs.replace(WELL, microphone_on=False)
                await expect(page.locator("#checks p", has_text="camera")).to_contain_text(
                    "10.0 pictures", timeout=10_000
                )
                await expect(page.locator("#checks .bad")).to_have_count(0)

    run(story(), 120)
