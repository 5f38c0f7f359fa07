"""Reads any corpus of voices: decoded clips with one of the seven emotions and their speaker.

A corpus is read from CORPUS.zip and CORPUS.csv, as in shared/data, or from the folder that was published.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convert.datasets import require_path
from convert.datasets.audio_cache import Samples, decode_files, decode_members, member_name, require_complete_table
from convert.datasets.csv_tables import read_table
from convert.datasets.labels import NONE, own_label
from convert.datasets.records import Sound
from convert.datasets.registry import SPEECH
from device.emotions import Floats
from device.errors import MediaError

_SPLITS = {name: corpus.split for name, corpus in SPEECH.items() if corpus.split is not None}
TRAINING_CORPORA = tuple(_SPLITS)
"""The corpora that the shipped voice networks train on."""
VALIDATION = {speaker for split in _SPLITS.values() for speaker in split.validation}
TEST = {speaker for split in _SPLITS.values() for speaker in split.test}
"""The speakers on whom they are validated and tested: RAVDESS actors 17-20 and 21-24, and one man of SAVEE each."""


@dataclass(frozen=True)
class Clip:
    """One recording: samples (n,) int16 at 16 kHz, an emotion index 0..6, and its origin.

    The emotion is `labels.NONE` for a label outside the seven; only `every` returns such clips.
    """

    name: str
    corpus: str
    speaker: str
    sex: str
    emotion: int
    samples: Samples
    own: str = ""
    """The corpus's own label: RAVDESS distinguishes calm from neutral."""
    statement: str = ""
    """The corpus's name of the sentence."""
    intensity: str = ""
    """Acted intensity: normal, strong; low, medium, high."""

    @property
    def real(self) -> Floats:
        """The samples as float32 in -1..1."""
        return np.asarray(self.samples / np.float32(32768), np.float32)


def read_corpus(
    folder: Path, corpus: str, cache: Path | None = None, *, every: bool = False, part: bool = False
) -> list[Clip]:
    """Every clip of one corpus, from its zip and csv or the published folder in `folder`; decoded once into `cache`.

    Labels outside the seven emotions are skipped unless `every`. Raises MediaError when a file is missing or cannot be
    decoded, and when clips are missing, unless `part` allows that.
    """
    sounds = list_sounds(folder, corpus, part=part)
    if sounds[0].member:
        samples = decode_members(sounds[0].path, [sound.name for sound in sounds], cache)
    else:
        samples = decode_files([sound.path for sound in sounds], corpus, cache)
    clips = [
        Clip(s.name, corpus, s.person, s.sex, s.emotion, decoded, s.own, s.statement, s.intensity)
        for s, decoded in zip(sounds, samples, strict=True)
    ]
    return [clip for clip in clips if every or clip.emotion != NONE]


def list_sounds(folder: Path, corpus: str, *, part: bool = False) -> list[Sound]:
    """The sounds of a corpus before decoding, all labels included; raises MediaError as `read_corpus`.

    The csv must list everything in the zip, unless `part`. A published folder is searched as CORPUS in `folder`, then
    under the part of that name before "_"; otherwise `folder` itself is read.
    """
    if (folder / f"{corpus}.csv").exists() or (folder / f"{corpus}.zip").exists():
        return _list_zip(folder, corpus, part=part)
    if corpus not in SPEECH:
        raise MediaError(f"{folder}: no corpus {corpus!r} there; the readers know {', '.join(SPEECH)}")
    names = [name for name in (corpus, corpus.split("_", maxsplit=1)[0]) if (folder / name).is_dir()]
    return SPEECH[corpus].read(folder / names[0] if names else folder, part=part)


def _list_zip(folder: Path, corpus: str, *, part: bool) -> list[Sound]:
    table = require_path(folder / f"{corpus}.csv", corpus)
    archive = require_path(folder / f"{corpus}.zip", corpus)
    rows = read_table(table, ("name", "speaker", "sex", "emotion"))
    if not rows:
        raise MediaError(f"{corpus}: {table} lists no clip; copy it again")
    require_complete_table(table, archive, [row["name"] for row in rows], part=part)
    return [
        Sound(
            name=row["name"],
            corpus=corpus,
            path=archive,
            own=own_label(row["emotion"], f"{table}, {row['name']}"),
            person=row["speaker"],
            sex=row["sex"],
            statement=row.get("statement") or "",
            intensity=row.get("intensity") or "",
            member=member_name(row["name"]),
        )
        for row in rows
    ]


class Split(NamedTuple):
    """Clips split by speaker: no speaker of `training` occurs in the other two."""

    training: list[Clip]
    validation: list[Clip]
    test: list[Clip]


def split_by_speaker(clips: list[Clip]) -> Split:
    """The split of the shipped network."""
    validation, test = ([c for c in clips if c.speaker in speakers] for speakers in (VALIDATION, TEST))
    return Split([c for c in clips if c.speaker not in VALIDATION | TEST], validation, test)
