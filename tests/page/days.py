"""A history for the page to show."""

import time

import msgspec

from device.emotions import Emotion
from device.hub.history.database import HistoryFile
from device.hub.history.rows import MoodRow, change_row
from device.settings.schema import Settings
from tests.hub.hub_running import mood


def remembered(settings: Settings, days: int = 8) -> None:
    """A history of so many days: an hour of each mood, nobody at night."""
    file = HistoryFile(settings.state_dir, 0, time.time())
    rows: list[MoodRow] = []
    moods = [Emotion.NEUTRAL, Emotion.HAPPY, Emotion.SAD, Emotion.UNKNOWN, Emotion.SURPRISE]
    for hour in range(24 * days):
        moment_s = time.time() - 3600 * (24 * days - hour)
        awake = 7 <= time.localtime(moment_s).tm_hour < 23
        said = mood(moods[hour % 5] if awake else Emotion.UNKNOWN, people=int(awake))
        row = change_row("old", hour + 1, said)
        rows.append(msgspec.structs.replace(row, entry=msgspec.structs.replace(row.entry, time_s=moment_s)))
    file.write(rows)
    file.close()
