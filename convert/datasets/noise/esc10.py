"""ESC-10 and ESC-50 (Piczak 2015): household sounds without a voice, except for a baby's cry and a laugh.

ESC-10 has 400 sounds of ten kinds; ESC-50 has 2,000 of fifty, ESC-10 among them. Read from esc10.zip and esc10.csv, as
in shared/data, or as published: meta/esc50.csv beside audio/1-100032-A-0.wav.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from convert.datasets import require_path
from convert.datasets.audio_cache import Samples, decode_files, decode_members, require_complete_table
from convert.datasets.csv_tables import read_table
from convert.datasets.layout import Layout, find_inside
from convert.datasets.records import NoiseCorpus
from device.errors import MediaError

_TABLE = "meta/esc50.csv"
_LAYOUTS = {
    "esc10": Layout("esc10", "ESC-10", "audio/1-100032-A-0.wav", 400, what="sounds"),
    "esc50": Layout("esc50", "ESC-50", "audio/1-100032-A-0.wav", 2000, what="sounds"),
}
_VOICES = ("baby", "laughing")
_TEN = (
    "dog",
    "rain",
    "sea_waves",
    "crying_baby",
    "clock_tick",
    "sneezing",
    "helicopter",
    "chainsaw",
    "rooster",
    "crackling_fire",
)
"""In the order of ESC-10's own folders, which esc10.csv keeps, so that both copies hold out the same sounds."""
_MIN_SAMPLES = 1600
"""A file with less than a tenth of a second is practically empty."""
HELD_OUT_STEP = 5
"""Every fifth sound, starting with the first, is held out for the test; the networks train with the others."""


@dataclass(frozen=True)
class Noise:
    """One household sound: name such as 1-100032-A, kind such as dog, and samples (n,) int16 at 16 kHz."""

    name: str
    kind: str
    samples: Samples


def select_held_out(names: Sequence[str]) -> list[int]:
    """Indices of the held-out sounds that share no recording with a training sound; `names` in the corpus's order.

    Piczak cut many sounds out of one Freesound recording: 1-100032-A is take A of recording 100032. Of ESC-10's 72
    held-out sounds, 25 are takes of a recording in training, which leaves 47. Raises MediaError for a name of any
    other form.
    """
    recordings = [_parse_recording(name) for name in names]
    trained_recordings = {recording for i, recording in enumerate(recordings) if i % HELD_OUT_STEP}
    return [i for i in range(0, len(names), HELD_OUT_STEP) if recordings[i] not in trained_recordings]


def _parse_recording(name: str) -> str:
    parts = name.split("-")
    if len(parts) < 3 or not parts[1].isdigit():
        raise MediaError(f"{name}: not named like an ESC sound, such as 1-100032-A; remove it or rename it")
    return parts[1]


def read_noises(
    folder: Path, cache: Path | None = None, *, corpus: Literal["esc10", "esc50"] = "esc10", part: bool = False
) -> tuple[list[Samples], list[str]]:
    """(sounds as int16 at 16 kHz, their kinds) of `read_named_noises`; raises MediaError as it does."""
    noises = read_named_noises(folder, cache, corpus=corpus, part=part)
    return [noise.samples for noise in noises], [noise.kind for noise in noises]


def read_named_noises(
    folder: Path, cache: Path | None = None, *, corpus: Literal["esc10", "esc50"] = "esc10", part: bool = False
) -> list[Noise]:
    """The sounds of a corpus in its order, without the baby and the laugh, which are voices.

    Raises MediaError when a file is missing or cannot be decoded, and when sounds are missing, unless `part` allows
    that.
    """
    if (folder / f"{corpus}.csv").exists() or find_inside(folder, _TABLE) == folder:
        table = require_path(folder / f"{corpus}.csv", _LAYOUTS[corpus].title)
        archive = require_path(folder / f"{corpus}.zip", _LAYOUTS[corpus].title)
        rows = read_table(table, ("name", "label"))
        names, kinds = [row["name"] for row in rows], [row["label"] for row in rows]
        require_complete_table(table, archive, names, part=part)
        sounds = decode_members(archive, names, cache)
    else:
        paths, kinds = _list_published(find_inside(folder, _TABLE), corpus, part=part)
        names = [path.stem for path in paths]
        sounds = decode_files(paths, corpus, cache)
    return [
        Noise(name, kind, sound)
        for name, kind, sound in zip(names, kinds, sounds, strict=True)
        if len(sound) > _MIN_SAMPLES and not any(voice in kind for voice in _VOICES)
    ]


def _list_published(table: Path, corpus: str, *, part: bool) -> tuple[list[Path], list[str]]:
    root = table.parents[1]
    rows = read_table(table, ("filename", "category"))
    if corpus == "esc10":
        rows = [row for row in rows if row["category"] in _TEN]
        rows.sort(key=lambda row: (_TEN.index(row["category"]), row["filename"]))
    existing = [row for row in rows if (root / "audio" / row["filename"]).exists()]
    _LAYOUTS[corpus].require_complete(len(existing), root, part=part)
    return [root / "audio" / row["filename"] for row in existing], [row["category"] for row in existing]


CORPORA = (
    NoiseCorpus("esc10", "ESC-10: 400 household sounds of 10 kinds", "CC BY 3.0", partial(read_noises, corpus="esc10")),
    NoiseCorpus("esc50", "ESC-50: 2,000 sounds of 50 kinds", "CC BY-NC 3.0", partial(read_noises, corpus="esc50")),
)
