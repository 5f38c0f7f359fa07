"""The hub's memory is bounded: months of changes do not make it grow."""

from pathlib import Path

from device.emotions import EMOTIONS
from device.hub.state.store import MAX_CHANGES
from device.settings.schema import Settings
from tests.hub.hub_running import Sense, is_listening, mood, run, start_hub_process, until

WARM, MORE = 2 * MAX_CHANGES, 3_000
"""The changes of a lively room in weeks. The first ones fill the change log and SQLite's cache."""
MAX_GROWTH_MB = 0.7


def read_own_mb(process: int) -> float:
    """Its own memory, without mapped libraries."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def test_changes_do_not_grow_memory(house: Settings, short: Path) -> None:
    process = start_hub_process(house, short, level="ERROR")

    async def send_changes(sense: Sense, changes: int) -> float:
        for number in range(changes):
            seq = sense.change(mood(EMOTIONS[number % len(EMOTIONS)], people=number % 3))
            if number % 100 == 0:
                await sense.writer.drain()
        await until(lambda: sense.last_ack() == seq, 30)
        return read_own_mb(process.pid)

    async def story() -> tuple[float, float]:
        await until(lambda: is_listening(house), 15)
        async with Sense(house) as sense:
            return await send_changes(sense, WARM), await send_changes(sense, MORE)

    try:
        warm_mb, end_mb = run(story(), 90)
    finally:
        process.terminate()
        log = process.communicate(timeout=10)[1]
    assert end_mb - warm_mb < MAX_GROWTH_MB, f"{warm_mb:.2f} MB have become {end_mb:.2f}"
    assert log == ""
