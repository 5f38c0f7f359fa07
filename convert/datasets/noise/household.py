"""Sounds of homes and their surroundings, without a voice in front (household.zip, household.csv in shared/data)."""

from pathlib import Path

from convert.datasets import require_path
from convert.datasets.audio_cache import decode_members, require_complete_table
from convert.datasets.csv_tables import read_table
from convert.datasets.noise.esc10 import Noise


def read_household(folder: Path, cache: Path | None = None, *, voices: bool = True) -> list[Noise]:
    """Every sound, up to 20 s of int16 at 16 kHz. Sounds that may contain people are skipped unless `voices`.

    Distant voices in a café can be mixed under a near voice as noise, but they are not an example of sound without
    voices. Raises MediaError when a file is missing or damaged.
    """
    table = require_path(folder / "household.csv", "household sounds")
    archive = require_path(folder / "household.zip", "household sounds")
    rows = read_table(table, ("name", "label", "voices"))
    require_complete_table(table, archive, [row["name"] for row in rows], part=False)
    rows = [row for row in rows if voices or not row["voices"]]
    sounds = decode_members(archive, [row["name"] for row in rows], cache)
    return [Noise(row["name"], row["label"], sound) for row, sound in zip(rows, sounds, strict=True)]
