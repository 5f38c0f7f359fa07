"""Small screens, a zoomed page and a very large wall: no text overlaps, and every switch can be reached."""

import asyncio

import msgspec
import pytest
from playwright.async_api import Page, expect

from device.emotions import Emotion
from device.ipc.messages import Stage, State
from device.settings.schema import Settings
from tests.hub.hub_running import WELL, mood, run
from tests.page.browser import VIEWS, needs_chromium, open_room, shoot
from tests.page.days import write_history

pytestmark = [needs_chromium, pytest.mark.timeout(180)]
SIZES = {
    "zoomed": (320, 256),  # 1280x1024 at 400 %: WCAG 2's reflow
    "narrow": (320, 568),
    "low": (667, 375),
    "desk": (1280, 720),
    "wall": (1920, 1080),
    "4k": (3840, 2160),
}
WRONG = {
    "camera": Stage(
        State.LOST,
        "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920-video-index0 cannot be opened: another program has it, or it was "
        "unplugged; close that program, or plug it in again",
    ),
    "microphone": Stage(
        State.LOST, "no microphone of the name USB PnP Sound Device is there; mien doctor lists what there is"
    ),
}
LONG = "when somebody is sad or fearful in the evening, the lamp beside the sofa grows warm and slow music begins"
# The boxes of all lines of text, clipped by the elements that scroll, and those that overlap.
_OVERLAPS = """() => {
  const lines = [];
  const walker = document.createTreeWalker(document.getElementById('drift'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, owner = text.parentElement;
    if (!text.data.trim() || !owner.checkVisibility() || owner.closest('#chart, #face-cards, #checks')) continue;
    const block = owner.closest('button, #problems, #rule, #status') || owner;
    const inline = getComputedStyle(block).display === 'inline';
    const range = document.createRange();
    range.selectNodeContents(text);
    // The letters of a large font are taller than its lines.
    const frame = inline ? null : block.getBoundingClientRect();
    for (const one of range.getClientRects()) {
      const box = { left: one.left, right: one.right, top: one.top, bottom: one.bottom };
      if (frame) {
        box.top = Math.max(box.top, frame.top), box.bottom = Math.min(box.bottom, frame.bottom);
        if (block.matches('#status')) box.right = Math.min(box.right, frame.right); // it ends in an ellipsis
      }
      if (box.bottom - box.top > 1) lines.push({ block, box, name: text.data.slice(0, 30) });
    }
  }
  for (const id of ['chart', 'checks', 'live-stage', 'gallery', 'day-line']) {
    const block = document.getElementById(id);
    if (block.checkVisibility()) lines.push({ block, box: block.getBoundingClientRect(), name: id });
  }
  const found = [];
  lines.forEach((a, i) => lines.slice(i + 1).forEach((b) => {
    if (a.block !== b.block && a.box.left < b.box.right - 1 && b.box.left < a.box.right - 1 &&
      a.box.top < b.box.bottom - 4 && b.box.top < a.box.bottom - 4) found.push(`${a.name} / ${b.name}`);
  }));
  const beside = lines.filter(({ box }) => box.left < -1 || box.right > innerWidth + 1)
    .map(({ name }) => `out: ${name}`);
  return [...found, ...beside];
}"""
_REACHABLE = """(one) => {
  one.scrollIntoView({ block: 'nearest' });
  const { left, top, right, bottom } = one.getBoundingClientRect();
  return left > -1 && top > -1 && right < innerWidth + 1 && bottom < innerHeight + 1 &&
    one.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
}"""


async def fits(page: Page, name: str) -> None:
    for view in reversed(VIEWS):
        await page.click(f"button[data-view={view}]")
        await expect(page.locator(f"#{view}")).to_be_visible()
        assert await page.evaluate("document.getElementById('drift').scrollTop") == 0
        await asyncio.sleep(0.3)
        await shoot(page, f"{view}-{name}")
        assert await page.evaluate(_OVERLAPS) == [], view
        for button in await page.locator("footer button").all():
            assert await button.evaluate(_REACHABLE), (view, await button.inner_text())


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_overlaps(house: Settings, size: str, wrong: bool) -> None:
    mine = msgspec.structs.replace(house, rules=(msgspec.structs.replace(house.rules[0], name=LONG),))
    write_history(mine, 2)

    async def story() -> None:
        async with open_room(mine, size=SIZES[size]) as room:
            page = room.page
            if wrong:
                room.sense.health = msgspec.structs.replace(WELL, stages=WRONG)
            room.sense.change(mood(Emotion.SAD, 0.82, people=2))
            await expect(page.locator("#rule")).to_contain_text("evening")
            await expect(page.locator("#problems li")).to_have_count(2 if wrong else 0)
            await fits(page, f"{size}-{'wrong' if wrong else 'well'}")
            if size == "4k":
                wall = SIZES["4k"][1] / SIZES["wall"][1]
                assert await page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 27 * wall

    run(story(), 120)
