"""Accessibility: axe, and the contrast of the mood from three metres away."""

import asyncio
from pathlib import Path

import axe_playwright_python
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.async_api import expect

from device.emotions import EMOTIONS, Emotion
from device.settings.schema import Settings
from tests.hub.hub_running import Sense, mood, run, running
from tests.page.browser import SIZES, VIEWS, chromium, needs_chromium, open_page, open_room
from tests.page.days import write_history

pytestmark = [needs_chromium, pytest.mark.timeout(180)]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_VIOLATIONS = """async () => (await axe.run()).violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(", ")}`)"""
_TEXT_BOX = """(one) => {
  const range = document.createRange();
  range.selectNodeContents(one);
  const { x, y, width, height } = range.getBoundingClientRect();
  return { x, y, width, height };
}"""
CONTRAST = 7.0
"""Minimum for the mood's word: level AAA of WCAG 2."""


@pytest.mark.parametrize("size", ["pi", "phone"])
def test_axe_finds_nothing_serious(house: Settings, size: str) -> None:
    write_history(house, 2)

    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense, chromium() as browser:
            sense.change(mood(Emotion.SAD))
            # The page's own policy would refuse the checker's script.
            async with open_page(browser, hub.page, SIZES[size], bypass_csp=True) as watched:
                await watched.page.evaluate(AXE)
                for view in VIEWS:
                    await watched.page.click(f"button[data-view={view}]")
                    await asyncio.sleep(0.7)
                    assert await watched.page.evaluate(_VIOLATIONS) == [], view

    run(story(), 150)


def luminance(colours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(..., 3) of 0..255, blue first -> relative luminance, as WCAG 2 defines it."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.0722, 0.7152, 0.2126]))


@pytest.mark.parametrize("size", ["pi", "phone"])
def test_the_mood_stands_out_from_the_ring_behind_it(house: Settings, size: str) -> None:
    async def story() -> None:
        async with open_room(house, size=SIZES[size]) as room:
            page, word = room.page, room.page.locator("#word")
            for emotion in (*EMOTIONS, Emotion.UNKNOWN):
                room.sense.change(mood(emotion, 0.95))
                await expect(page.locator("#details")).not_to_be_empty()
                await asyncio.sleep(1.5)
                colour = await word.evaluate("(one) => getComputedStyle(one).color")
                box = await word.evaluate(_TEXT_BOX)
                text = np.array([float(n) for n in colour[4:-1].split(",")][::-1])
                await word.evaluate("(one) => { one.style.visibility = 'hidden' }")
                behind = cv2.imdecode(np.frombuffer(await page.screenshot(clip=box), np.uint8), cv2.IMREAD_COLOR)
                await word.evaluate("(one) => { one.style.visibility = '' }")
                assert behind is not None
                brightest = float(luminance(behind.astype(np.float64)).max())
                assert (float(luminance(text)) + 0.05) / (brightest + 0.05) >= CONTRAST, emotion

    run(story(), 150)
