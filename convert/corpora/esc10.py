"""ESC-10 (Piczak 2015): 400 household sounds of ten kinds that are no voice, though a baby's cry comes near."""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.corpora import need
from convert.corpora.speech import decoded


def read_noises(folder: Path, cache: Path | None = None) -> tuple[list[npt.NDArray[np.int16]], list[str]]:
    """(sounds as int16 at 16 kHz, their kinds), without the baby: its cry is a voice."""
    rows = list(csv.DictReader(need(folder / "esc10.csv", "ESC-10").read_text().splitlines()))
    sounds = decoded(need(folder / "esc10.zip", "ESC-10"), [row["name"] for row in rows], cache)
    kept = [(s, r["label"]) for s, r in zip(sounds, rows, strict=True) if "baby" not in r["label"] and len(s) > 1600]
    return [sound for sound, _ in kept], [kind for _, kind in kept]
