"""A history for the page to show."""

import time

import msgspec

from device.emotions import Emotion
from device.hub.history.database import HistoryFile
from device.hub.history.rows import MoodRow, build_mood_row
from device.settings.schema import Settings
from tests.hub.hub_running import mood


def write_history(settings: Settings, days: int = 8) -> None:
    """Write a history of `days` days: the mood changes each hour, and nobody is there at night."""
    file = HistoryFile(settings.state_dir, 0, time.time())
    rows: list[MoodRow] = []
    moods = [Emotion.NEUTRAL, Emotion.HAPPY, Emotion.SAD, Emotion.UNKNOWN, Emotion.SURPRISE]
    for hour in range(24 * days):
        moment_s = time.time() - 3600 * (24 * days - hour)
        awake = 7 <= time.localtime(moment_s).tm_hour < 23
        said = mood(moods[hour % 5] if awake else Emotion.UNKNOWN, people=int(awake))
        row = build_mood_row("old", hour + 1, said)
        rows.append(msgspec.structs.replace(row, entry=msgspec.structs.replace(row.entry, time_s=moment_s)))
    file.write(rows)
    file.close()
