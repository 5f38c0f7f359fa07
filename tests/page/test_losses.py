"""When sense or the hub goes away, or a switch fails, the page says so and recovers by itself."""

import asyncio
import contextlib

import msgspec
import pytest
from playwright.async_api import Page, expect

from device.emotions import Emotion
from device.ipc.messages import SetSwitch, Switch
from device.settings.schema import Settings
from tests.hub.conftest import free_port
from tests.hub.hub_running import HELLO, WELL, Sense, mood, run, running, until
from tests.page.browser import chromium, needs_chromium, open_page, open_room, shoot

pytestmark = [needs_chromium, pytest.mark.timeout(180)]


@pytest.fixture
def fixed(house: Settings) -> Settings:
    """The same settings with a fixed port."""
    return msgspec.structs.replace(house, kiosk=msgspec.structs.replace(house.kiosk, port=free_port()))


def test_sense_goes_and_comes_back(house: Settings) -> None:
    async def story() -> None:
        async with open_room(house, sense=False) as room:
            page = room.page
            await expect(page.locator("#status")).to_have_text("Camera service restarting…")
            await expect(page.locator("#switches button:enabled")).to_have_count(0)
            async with Sense(house) as sense:
                sense.change(mood(Emotion.HAPPY))
                await expect(page.locator("#word")).to_have_text("happy")
                await expect(page.locator("#status")).to_have_text("camera and microphone on stays in this room")
                await expect(page.locator("#switches button:enabled")).to_have_count(3)
            await expect(page.locator("#status")).to_have_text("Camera service restarting…")
            await expect(page.locator("#age")).to_contain_text("ago")
            live = "document.getElementById('age').closest('[aria-live]').ariaLive"
            assert await page.evaluate(live) == "off", "a screen reader would say it each second"
            await expect(page.locator("#problems")).to_contain_text("sense is away")
            await shoot(page, "sense-away-pi")
            async with Sense(house, "s2") as sense:
                sense.change(mood(Emotion.SAD))
                await expect(page.locator("#word")).to_have_text("sad")
                await expect(page.locator("#problems li")).to_have_count(0)
            assert room.watched.loads == 1

    run(story(), 120)


async def switches(page: Page) -> list[tuple[str, str | None]]:
    """(text, aria-pressed) of each switch."""
    return [
        (await one.inner_text(), await one.get_attribute("aria-pressed"))
        for one in await page.locator("#switches button").all()
    ]


UNKNOWN = [("camera ?", None), ("microphone ?", None), ("paused ?", None)]


def test_an_unknown_switch_is_not_shown_as_off(fixed: Settings) -> None:
    async def story() -> None:
        async with chromium() as browser, contextlib.AsyncExitStack() as opened:
            async with running(fixed) as hub:
                watched = await opened.enter_async_context(open_page(browser, hub.page))
                page, status = watched.page, watched.page.locator("#status")
                await expect(status).to_have_text("Camera service restarting…")
                assert await switches(page) == UNKNOWN
                sense = Sense(fixed)
                await sense.connect()
                sense.say(HELLO)  # and no health yet
                await expect(status).to_have_text("Camera service starting…")
                assert await switches(page) == UNKNOWN
                await expect(page.locator("#word")).to_have_text("\N{HORIZONTAL ELLIPSIS}")
                await expect(page.locator("#details")).to_be_empty()
                sense.say(msgspec.structs.replace(WELL, camera_on=False, microphone_on=False))
                await expect(page.locator("#word")).to_have_text("off")
                assert await switches(page) == [
                    ("camera off", "false"),
                    ("microphone off", "false"),
                    ("pause all", "false"),
                ]
            await expect(status).to_have_text("No connection")
            assert await switches(page) == UNKNOWN
            await sense.__aexit__()

    run(story(), 120)


def test_hub_goes_and_comes_back_without_a_reload(fixed: Settings) -> None:
    async def story() -> None:
        async with chromium() as browser, contextlib.AsyncExitStack() as opened:
            async with running(fixed) as hub, Sense(fixed) as sense:
                sense.change(mood(Emotion.HAPPY))
                watched = await opened.enter_async_context(open_page(browser, hub.page))
                page = watched.page
                await expect(page.locator("#word")).to_have_text("happy")
            await expect(page.locator("#status")).to_have_text("No connection")
            await expect(page.locator("#age")).to_contain_text("ago")
            await expect(page.locator("#switches button:enabled")).to_have_count(0)
            await shoot(page, "hub-away-pi")
            await asyncio.sleep(3)
            async with running(fixed), Sense(fixed, "s2") as again:
                again.change(mood(Emotion.SURPRISE))
                await expect(page.locator("#word")).to_have_text("surprised", timeout=15_000)
                await expect(page.locator("#status")).to_contain_text("microphone on")
                assert watched.loads == 1

    run(story(), 120)


def test_an_open_page_reloads_after_an_update(fixed: Settings) -> None:
    async def story() -> None:
        async with chromium() as browser, contextlib.AsyncExitStack() as opened:
            for session, build, loads in (("s1", "old", 1), ("s2", "new", 2), ("s3", "new", 2)):
                async with running(fixed, build=build) as hub, Sense(fixed, session) as sense:
                    if session == "s1":
                        watched = await opened.enter_async_context(open_page(browser, hub.page + "#setup"))
                        page = watched.page
                    sense.change(mood(Emotion.HAPPY))
                    await expect(page.locator("#status")).to_contain_text("microphone on", timeout=15_000)
                    await asyncio.sleep(2)
                    assert watched.loads == loads
                    await expect(page.locator("#setup")).to_be_visible()
                await expect(page.locator("#status")).to_have_text("No connection")

    run(story(), 120)


def test_a_switch_shows_the_actual_state_and_not_the_requested_one(house: Settings) -> None:
    async def story() -> None:
        async with open_room(house) as room:
            page = room.page
            camera = page.locator("button[data-switch=camera]")
            await expect(camera).to_have_text("camera on")
            room.sense.obeys = False
            await camera.click()
            await until(lambda: SetSwitch(Switch.CAMERA, False) in room.sense.received)
            await asyncio.sleep(0.5)
            await expect(camera).to_have_text("camera on")
            room.sense.health = msgspec.structs.replace(WELL, camera_on=False)
            await expect(camera).to_have_text("camera off")
            await expect(camera).to_have_attribute("aria-pressed", "false")
            await expect(page.locator("#status")).to_contain_text("camera off")
            await page.locator("button[data-switch=pause]").click()
            await until(lambda: SetSwitch(Switch.PAUSE, True) in room.sense.received)
            room.sense.health = msgspec.structs.replace(WELL, paused=True)
            await expect(page.locator("#word")).to_have_text("off")
            await expect(page.locator("#status")).to_have_text("Paused: camera and microphone are closed")
            await shoot(page, "paused-pi")

    run(story(), 120)


def test_a_refused_switch_is_reported(house: Settings) -> None:
    async def story() -> None:
        async with open_room(house) as room:
            page = room.page
            await expect(page.locator("button[data-switch=camera]")).to_have_text("camera on")

            async def refused(route: object) -> None:
                await route.fulfill(status=409, json={"error": "nothing was done: sense does not read"})  # type: ignore[attr-defined]

            await page.route("**/api/command", refused)
            await page.click("button[data-switch=camera]")
            await expect(page.locator("#problems")).to_contain_text("nothing was done: sense does not read")
            await expect(page.locator("button[data-switch=camera]")).to_have_text("camera on")

    run(story(), 120)
