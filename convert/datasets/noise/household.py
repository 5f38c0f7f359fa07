"""Sounds of homes and their surroundings, from household.zip and household.csv in shared/data: no voice speaks up."""

from pathlib import Path

from convert.datasets import require_path
from convert.datasets.audio_cache import decode_members, require_complete_table
from convert.datasets.csv_tables import read_table
from convert.datasets.noise.esc10 import Noise


def read_household(folder: Path, cache: Path | None = None, *, voices: bool = True) -> list[Noise]:
    """Every sound, up to 20 s of int16 at 16 kHz; without those that may have people in them unless `voices` will do.

    Voices far away in a café are a noise to mix under a near one, but no example of sound without voices. Raises
    MediaError where a file is missing or damaged.
    """
    table = require_path(folder / "household.csv", "household sounds")
    archive = require_path(folder / "household.zip", "household sounds")
    rows = read_table(table, ("name", "label", "voices"))
    require_complete_table(table, archive, [row["name"] for row in rows], part=False)
    rows = [row for row in rows if voices or not row["voices"]]
    sounds = decode_members(archive, [row["name"] for row in rows], cache)
    return [Noise(row["name"], row["label"], sound) for row, sound in zip(rows, sounds, strict=True)]
