"""A connection that dies silently, as on a lost Wi-Fi: the page does not go on showing old values as current."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import cv2
import msgspec
import numpy as np
import pytest
from playwright.async_api import Page, expect

from device.emotions import Emotion
from device.hub.web.limits import WebLimits
from device.settings.schema import Settings
from tests.hub.hub_running import WELL, Sense, mood, run, running
from tests.hub.ipc.live_view_setup import get_live_socket, pack_picture, with_live_view
from tests.page.browser import chromium, needs_chromium, open_page, open_room, shoot
from tests.page.proxy import proxy_to

pytestmark = [needs_chromium, pytest.mark.timeout(180)]
SILENT_S = 25
_BRIGHT = """() => {
  const small = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  small.drawImage(document.getElementById('picture'), 0, 0, 1, 1);
  return small.getImageData(0, 0, 1, 1).data[0];
}"""


async def advance(page: Page, seconds: float) -> None:
    """Move the page's clock forward."""
    await page.clock.fast_forward(round(1000 * seconds))


def test_a_connection_that_died_silently_is_reported_and_reopened(house: Settings) -> None:
    async def story() -> None:
        async with (
            running(house) as hub,
            Sense(house) as sense,
            proxy_to(hub.page) as (proxy, address),
            chromium() as browser,
            open_page(browser, address) as watched,
        ):
            page = watched.page
            await page.clock.install()
            await page.reload()
            sense.change(mood(Emotion.HAPPY))
            await expect(page.locator("#word")).to_have_text("happy")
            await expect(page.locator("#switches button:enabled")).to_have_count(3)
            proxy.freeze()
            sense.change(mood(Emotion.SAD))
            sense.health = msgspec.structs.replace(WELL, camera_on=False)
            await advance(page, SILENT_S + 1)
            await expect(page.locator("#status")).to_have_text("No connection")
            await expect(page.locator("#switches button:enabled")).to_have_count(0)
            await expect(page.locator("#age")).to_contain_text("ago")
            await shoot(page, "connection-dead-pi")
            for _ in range(6):  # its requests time out, too
                await advance(page, 3)
            await expect(page.locator("#status")).to_have_text("No connection")
            proxy.resume()
            await expect(page.locator("#word")).to_have_text("sad", timeout=15_000)
            await expect(page.locator("#status")).to_contain_text("camera off")
            assert watched.loads == 2, "the first, and the test's own with a clock"

    run(story(), 120)


def test_a_quiet_room_is_not_taken_for_a_dead_connection(house: Settings) -> None:
    async def story() -> None:
        async with open_room(house, limits=WebLimits(event_ping_interval_s=0.3)) as room:
            page = room.page
            await page.clock.install()
            await page.reload()
            room.sense.change(mood(Emotion.HAPPY))
            await expect(page.locator("#word")).to_have_text("happy")
            await page.evaluate("""() => { window.said = []; new MutationObserver(() => said.push(
                document.getElementById('status').textContent)).observe(document.getElementById('status'),
                { childList: true, characterData: true, subtree: true }) }""")
            for _ in range(4):
                await advance(page, SILENT_S - 5)
                await asyncio.sleep(1)
            assert await page.evaluate("said") == []

    run(story(), 120)


@contextlib.asynccontextmanager
async def filming(settings: Settings) -> AsyncIterator[None]:
    """Send ten bright pictures a second, as sense does."""
    jpeg = cv2.imencode(".jpg", np.full((480, 640, 3), 200, np.uint8))[1].tobytes()
    _, writer = await asyncio.open_unix_connection(str(get_live_socket(settings)))

    async def feed() -> None:
        while True:
            writer.write(pack_picture(jpeg))
            await writer.drain()
            await asyncio.sleep(0.1)

    task = asyncio.create_task(feed())
    try:
        yield
    finally:
        task.cancel()
        writer.close()


def test_the_picture_of_a_dead_connection_is_removed(house: Settings) -> None:
    mine = with_live_view(house)

    async def story() -> None:
        async with (
            running(mine) as hub,
            Sense(mine),
            filming(mine),
            proxy_to(hub.page) as (proxy, address),
            chromium() as browser,
            open_page(browser, address + "#live") as watched,
        ):
            page, said = watched.page, watched.page.locator("#live-status")
            await expect(said).to_contain_text("pictures a second")
            assert await page.evaluate(_BRIGHT) > 150
            proxy.freeze()
            await expect(said).to_contain_text("No picture", timeout=9_000)
            assert await page.evaluate(_BRIGHT) == 0
            await expect(page.locator("#face-cards li")).to_have_count(0)
            proxy.resume()
            await expect(said).to_contain_text("pictures a second", timeout=15_000)

    run(story(), 120)


def test_a_picture_that_is_still_being_decoded_is_not_drawn_after_the_camera_went_off(house: Settings) -> None:
    mine = with_live_view(house)

    async def story() -> None:
        async with open_room(mine, "live") as room:
            page, said = room.page, room.page.locator("#live-status")
            async with filming(mine):
                await expect(said).to_contain_text("pictures a second")
                await page.evaluate("""() => { const real = createImageBitmap; window.createImageBitmap =
                    async (blob) => { const one = await real(blob); await new Promise((go) => setTimeout(go, 3000));
                    return one } }""")
                await asyncio.sleep(0.5)
                room.sense.health = msgspec.structs.replace(WELL, camera_on=False)
            await expect(said).to_contain_text("off")
            await asyncio.sleep(3.5)
            assert await page.evaluate(_BRIGHT) == 0
            await expect(said).to_contain_text("off")

    run(story(), 120)
