"""The screen of a device whose page asks for the password: its browser logs itself in, and stays so over a restart."""

from pathlib import Path

import msgspec
from playwright.async_api import async_playwright

from device.commands.kiosk import _write_start_page
from device.hub.web.auth.local_key import FILE_NAME
from device.settings.schema import Settings
from tests.hub.hub_running import Sense, run, running, until
from tests.hub.web.builders import get_port
from tests.hub.web.test_local_password import private
from tests.page.browser import _FLAGS, CHROMIUM, needs_chromium


@needs_chromium
def test_the_kiosk_still_works(house: Settings, short: Path) -> None:
    async def story() -> None:
        settings = private(house, short)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
            page = await (await browser.new_context()).new_page()
            async with running(settings) as hub, Sense(settings):
                kiosk = msgspec.structs.replace(settings.kiosk, port=get_port(hub))
                settings = msgspec.structs.replace(settings, kiosk=kiosk)
                await page.goto(hub.page)
                assert page.url == hub.page + "login"  # what any other browser of the device gets
                _write_start_page(settings, short / "start.html")
                await page.goto(f"file://{short}/start.html")
                await page.wait_for_url(hub.page)
                await page.wait_for_selector("#mood, main, body")
                assert (settings.state_dir / FILE_NAME).read_text() not in page.url
                assert (await page.evaluate("fetch('/api/state').then(a => a.status)")) == 200
            async with running(settings) as hub, Sense(settings):  # the port is the same now
                assert await until(lambda: page.evaluate("fetch('/api/state').then(a => a.status)")) == 200
            await browser.close()

    run(story(), 60)
