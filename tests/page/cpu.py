"""`make bench-page`: CPU of Chromium's processes while the mood stays the same, in per cent of one core."""

import asyncio
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from device.emotions import Emotion
from device.ipc.messages import MoodUpdate
from device.settings.load import parse
from tests.hub.hub_running import Sense, mood, running, until
from tests.page.browser import SIZES, chromium, open_page

SECONDS = 20
_TICKS = os.sysconf("SC_CLK_TCK")


def _cpu_times() -> dict[str, float]:
    """Kind of Chromium process -> CPU time so far, s. `renderer` runs the page."""
    found: defaultdict[str, float] = defaultdict(float)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().replace("\0", " ")
            fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended meanwhile
        if "chromium" in command:
            kind = command.split("--type=")[1].split()[0] if "--type=" in command else "browser"
            found[kind] += (int(fields[11]) + int(fields[12])) / _TICKS
    return found


async def main() -> None:
    """Print a line for each size of screen."""
    with tempfile.TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        places = f'state_dir = "{folder}/state"\nruntime_dir = "{folder}/run"'
        house = parse(f'[home]\n{places}\n[kiosk]\nport = 0\nnight = ""\n', "bench")
        async with running(house) as hub, Sense(house) as sense, chromium() as browser:
            await until(lambda: hub.store.now.available)
            said = mood(Emotion.HAPPY, 0.82, people=2)
            sense.change(said)
            for name in ("pi", "wall"):
                async with open_page(browser, hub.page, SIZES[name]):
                    await asyncio.sleep(6)
                    before, begun_s = _cpu_times(), time.monotonic()
                    for _ in range(2 * SECONDS):  # as sense repeats an unchanged mood twice a second
                        await asyncio.sleep(0.5)
                        sense.say(MoodUpdate("s1", 0, said))
                    passed_s, after = time.monotonic() - begun_s, _cpu_times()
                    shares = {kind: 100 * (after[kind] - before.get(kind, 0.0)) / passed_s for kind in after}
                    parts = ", ".join(f"{kind} {share:.1f} %" for kind, share in sorted(shares.items()))
                    print(f"{SIZES[name][0]}x{SIZES[name][1]}: {parts}")


if __name__ == "__main__":
    asyncio.run(main())
