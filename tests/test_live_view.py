"""The live view from end to end: the real sense with a simulated camera, the real hub, and a page that watches."""

import asyncio
import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np

from device.emotions import EMOTIONS
from tests.hub.hub_running import run, until
from tests.running import Json, Mien, mien, short

__all__ = ["mien", "short"]  # fixtures


async def next_picture(viewer: aiohttp.ClientWebSocketResponse) -> tuple[Json, np.ndarray[Any, Any]]:
    """The header and the pixels of the next picture."""
    async with asyncio.timeout(20):
        while (message := await viewer.receive()).type is not aiohttp.WSMsgType.BINARY:
            assert message.type is aiohttp.WSMsgType.TEXT, message
    split = 4 + int.from_bytes(message.data[:4], "big")
    return json.loads(message.data[4:split]), np.asarray(
        cv2.imdecode(np.frombuffer(message.data[split:], np.uint8), cv2.IMREAD_COLOR)
    )


async def measure_rate(viewer: aiohttp.ClientWebSocketResponse, seconds: float) -> tuple[float, float]:
    """(pictures a second, their median age in s) over `seconds`."""
    begun_s, ages = time.monotonic(), []
    while time.monotonic() < begun_s + seconds:
        header, _ = await next_picture(viewer)
        ages.append(time.monotonic() - header["time_s"])
    return len(ages) / seconds, float(np.median(ages))


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def send_command(mien: Mien, feature: str, value: str) -> None:
    body = {"feature": feature, "value": value}
    headers = {"Origin": mien.page.rstrip("/")}
    url = mien.page + "api/command"
    async with aiohttp.ClientSession() as client, client.post(url, json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()


def test_a_viewer_gets_box_emotion_and_crop_and_closing_the_page_ends_the_view(mien: Mien) -> None:
    settings = mien.settings()
    mien.start("hub", settings)
    mien.start("sense", settings)

    async def story() -> None:
        await until(mien.people, 40)
        await asyncio.sleep(1)
        assert "live view" not in mien.log("sense"), "nobody has watched"
        async with mien.watch() as viewer:
            header, pixels = await next_picture(viewer)
            assert pixels.shape == (header["height"], header["width"], 3) == (480, 640, 3)
            (face,) = header["faces"]
            x, y, width, height = face["box"]
            assert x < 320 < x + width
            assert y < 250 < y + height
            assert face["emotion"] in {e.value for e in EMOTIONS}
            assert set(face["probabilities"]) == {e.value for e in EMOTIONS}
            assert face["probabilities"][face["emotion"]] == face["confidence"]
            assert (await mien.state() or {})["kiosk"]["watchers"] == 1
            rate_hz = age_s = 0.0
            for _ in range(3):  # a busy machine may stall once
                rate_hz, age_s = await measure_rate(viewer, 4.0)
                print(f"{rate_hz:.1f} pictures a second, {1000 * age_s:.0f} ms old when shown")
                if rate_hz >= 10:
                    break
            assert rate_hz >= 10
            assert age_s < 0.5
        closed_s = time.monotonic()
        await until(mien.ended_views, 3)
        print(f"ended {time.monotonic() - closed_s:.2f} s after the page was closed; {mien.ended_views()}")
        assert float(mien.ended_views()[0][1]) < 10
        assert (await mien.state() or {})["kiosk"]["watchers"] == 0

        async with mien.watch() as viewer:  # switched off while somebody watches
            await next_picture(viewer)
            await send_command(mien, "camera", "OFF")
            await until(lambda: len(mien.ended_views()) == 2, 3)
            while (message := await viewer.receive(5)).type is aiohttp.WSMsgType.BINARY:
                pass
            while "switched off" not in message.data:
                message = await viewer.receive(5)
                assert message.type is aiohttp.WSMsgType.TEXT, "no more pictures"
            await send_command(mien, "camera", "ON")
            header, _ = await next_picture(viewer)
            assert header["width"] == 640
        files = {p.name for p in (mien.folder / "state").iterdir()} | {p.name for p in (mien.folder / "run").iterdir()}
        assert not [name for name in files if name.endswith((".jpg", ".png"))]

    run(story(), 100)
    for command in ("hub", "sense"):
        assert "Traceback" not in mien.log(command)


def test_the_view_comes_back_after_a_kill_and_nothing_is_encoded_meanwhile(mien: Mien) -> None:
    settings = mien.settings()
    hub, sense = mien.start("hub", settings), mien.start("sense", settings)

    async def story() -> None:
        await until(mien.people, 40)
        async with mien.watch() as viewer:
            await next_picture(viewer)
            sense.kill()
            sense.wait()
            while (message := await viewer.receive(5)).type is aiohttp.WSMsgType.BINARY:
                pass
            assert json.loads(message.data)["picture"] is False
            again = mien.start("sense", settings)
            await next_picture(viewer)  # on the same connection
            await asyncio.sleep(2)

            before = len(mien.ended_views())
            hub.kill()
            hub.wait()
            await until(lambda: len(mien.ended_views()) > before, 3)
        await asyncio.sleep(1)
        count = len(mien.ended_views())
        before_s = cpu_s(again.pid)
        await asyncio.sleep(2)
        assert again.poll() is None, "sense keeps running"
        assert cpu_s(again.pid) > before_s
        assert len(mien.ended_views()) == count
        mien.start("hub", settings)
        await until(mien.people, 20)
        async with mien.watch() as viewer:
            await next_picture(viewer)

    run(story(), 100)
    for command in ("hub", "sense"):
        assert "Traceback" not in mien.log(command)
    assert mien.log("sense").count("hub accepts no picture") <= 3


def test_a_sense_whose_settings_forbid_the_view_sends_nothing_to_a_hub_that_asks(mien: Mien) -> None:
    mien.start("hub", mien.settings())
    mien.start("sense", mien.settings("closed", live_view=False))

    async def story() -> None:
        await until(mien.people, 40)
        async with mien.watch() as viewer:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(4):
                    while True:
                        message = await viewer.receive()
                        assert message.type is aiohttp.WSMsgType.TEXT
        assert mien.log("sense").count("refused, now and later") == 1
        assert not mien.ended_views()

    run(story(), 80)
