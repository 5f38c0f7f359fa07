"""ESC-10 and ESC-50 (Piczak 2015): household sounds that are no voice, though a baby's cry and a laugh come near.

ESC-10 is 400 sounds of ten kinds, ESC-50 2,000 of fifty, ESC-10 among them. Read from esc10.zip and esc10.csv, as in
shared/data, or as published: meta/esc50.csv beside audio/1-100032-A-0.wav.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from convert.corpora import need
from convert.corpora.files import Layout, inside
from convert.corpora.speech import Samples, decoded, decoded_files

_TABLE = "meta/esc50.csv"
_LAYOUTS = {
    "esc10": Layout("esc10", "ESC-10", "audio/1-100032-A-0.wav", 400, what="sounds"),
    "esc50": Layout("esc50", "ESC-50", "audio/1-100032-A-0.wav", 2000, what="sounds"),
}
_VOICES = ("baby", "laughing")
_TEN = (
    *("dog", "rain", "sea_waves", "crying_baby", "clock_tick"),
    *("sneezing", "helicopter", "chainsaw", "rooster", "crackling_fire"),
)
"""In the order of ESC-10's own folders, which esc10.csv keeps: the same sounds are then kept aside for the test."""
_SHORTEST = 1600
"""Samples. A file with less than a tenth of a second is as good as empty."""


def read_noises(
    folder: Path, cache: Path | None = None, *, corpus: Literal["esc10", "esc50"] = "esc10", part: bool = False
) -> tuple[list[Samples], list[str]]:
    """(sounds as int16 at 16 kHz, their kinds), without the baby and the laugh: those are voices.

    Raises MediaError when a file is missing or cannot be decoded, and when a published folder is not whole, unless a
    `part` will do.
    """
    if (folder / f"{corpus}.csv").exists() or inside(folder, _TABLE) == folder:
        rows = list(csv.DictReader(need(folder / f"{corpus}.csv", _LAYOUTS[corpus].title).read_text().splitlines()))
        sounds = decoded(need(folder / f"{corpus}.zip", _LAYOUTS[corpus].title), [row["name"] for row in rows], cache)
        kinds = [row["label"] for row in rows]
    else:
        paths, kinds = _published(inside(folder, _TABLE), corpus, part=part)
        sounds = decoded_files(paths, corpus, cache)
    return _no_voices(sounds, kinds)


def _published(table: Path, corpus: str, *, part: bool) -> tuple[list[Path], list[str]]:
    root = table.parents[1]
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    if corpus == "esc10":
        rows = [row for row in rows if row["category"] in _TEN]
        rows.sort(key=lambda row: (_TEN.index(row["category"]), row["filename"]))
    there = [row for row in rows if (root / "audio" / row["filename"]).exists()]
    _LAYOUTS[corpus].whole(len(there), root, part=part)
    return [root / "audio" / row["filename"] for row in there], [row["category"] for row in there]


def _no_voices(sounds: Sequence[Samples], kinds: Sequence[str]) -> tuple[list[Samples], list[str]]:
    kept = [
        (sound, kind)
        for sound, kind in zip(sounds, kinds, strict=True)
        if len(sound) > _SHORTEST and not any(voice in kind for voice in _VOICES)
    ]
    return [sound for sound, _ in kept], [kind for _, kind in kept]
