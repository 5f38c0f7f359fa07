"""The page with the real sense: the live view, and the faces that answer a voice."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.hub.hub_running import run, until
from tests.page.browser import chromium, needs_chromium, open_page, shoot
from tests.running import Mien, mien, short

__all__ = ["mien", "short"]
pytestmark = [needs_chromium, pytest.mark.timeout(180)]
_BRIGHT = """() => {
  const small = new OffscreenCanvas(64, 48).getContext('2d', { willReadFrequently: true });
  small.drawImage(document.getElementById('picture'), 0, 0, 64, 48);
  const { data } = small.getImageData(0, 0, 64, 48);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
  return sum / (data.length / 4) / 3;
}"""


def settings(mien: Mien, *, microphone: str) -> Path:
    path = mien.settings()
    path.write_text(path.read_text().replace('[microphone]\nsource = "off"', f'[microphone]\nsource = "{microphone}"'))
    return path


def test_the_live_view_shows_faces_and_other_pages_say_that_someone_watches(mien: Mien) -> None:
    async def story() -> None:
        path = settings(mien, microphone="off")
        mien.start("hub", path)
        mien.start("sense", path)
        await until(mien.people, 30)
        async with chromium() as browser, open_page(browser, mien.page) as wall, open_page(browser, mien.page) as phone:
            await expect(wall.page.locator("#watched")).to_be_hidden()
            await phone.page.click("button[data-view=faces]")
            said = phone.page.locator("#gallery-status")
            await expect(said).to_have_text("When someone speaks, five faces answer.")
            await phone.page.click("button[data-view=live]")
            await expect(phone.page.locator("#face-cards li")).to_have_count(1, timeout=15_000)
            await expect(phone.page.locator("#face-cards p")).to_contain_text("%")
            await expect(phone.page.locator("#live-status")).to_contain_text(
                "pictures a second · 1 face", timeout=10_000
            )
            await expect(wall.page.locator("#watched")).to_have_text("Someone is watching the camera.")
            assert await phone.page.evaluate(_BRIGHT) > 20
            await shoot(phone.page, "live-with-a-face-pi")
            await shoot(wall.page, "watched-pi")
            await phone.page.click("button[data-switch=camera]")
            await expect(phone.page.locator("#live-status")).to_contain_text("off", timeout=10_000)
            assert await phone.page.evaluate(_BRIGHT) == 0, "the last picture was not removed"
            await phone.page.click("button[data-switch=camera]")
            await expect(phone.page.locator("#face-cards li")).to_have_count(1, timeout=20_000)
            await phone.page.click("button[data-view=room]")
            await expect(wall.page.locator("#watched")).to_be_hidden(timeout=10_000)

    run(story(), 150)


def test_five_faces_answer_a_voice(mien: Mien) -> None:
    async def story() -> None:
        path = settings(mien, microphone=mien._source)
        mien.start("hub", path)
        mien.start("sense", path)
        async with chromium() as browser:
            await until(mien.state, 20)
            async with open_page(browser, mien.page + "#faces") as watched:
                page = watched.page
                await expect(page.locator("#gallery img")).to_have_count(5, timeout=60_000)
                await expect(page.locator("#gallery-status")).to_contain_text("a voice sounded")
                for image in await page.locator("#gallery img").all():
                    assert await image.evaluate("async (one) => { await one.decode(); return one.naturalWidth }") > 0
                    assert "a drawn face, " in str(await image.get_attribute("alt"))
                await shoot(page, "five-faces-pi")

    run(story(), 150)
