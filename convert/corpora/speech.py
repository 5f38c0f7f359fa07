"""Acted speech: RAVDESS (speech and song), TESS and SAVEE, mapped to the seven emotions, with their speakers."""

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.corpora import need
from device.emotions import EMOTIONS, Emotion, Floats
from device.sense.media import read_sound

CORPORA = ("ravdess_speech", "ravdess_song", "tess", "savee")
# RAVDESS's calm is a second kind of neutral; nobody else has it, and a household has no use for the difference.
_MERGED = {"calm": Emotion.NEUTRAL}


@dataclass(frozen=True)
class Clip:
    """One recording: samples (n,) int16 at 16 kHz, an emotion index 0..6, and where it comes from."""

    name: str
    corpus: str
    speaker: str
    sex: str
    emotion: int
    samples: npt.NDArray[np.int16]

    @property
    def real(self) -> Floats:
        """The samples as float32 in -1..1."""
        return np.asarray(self.samples / np.float32(32768), np.float32)


def read_corpus(folder: Path, corpus: str, cache: Path | None = None) -> list[Clip]:
    """Every clip of one corpus, from `folder`/CORPUS.csv and CORPUS.zip; decoded once into `cache`.

    Raises MediaError when a file of it is missing or cannot be decoded.
    """
    rows = list(csv.DictReader(need(folder / f"{corpus}.csv", corpus).read_text().splitlines()))
    sounds = decoded(need(folder / f"{corpus}.zip", corpus), [row["name"] for row in rows], cache)
    return [
        Clip(row["name"], corpus, row["speaker"], row["sex"], _emotion(row["emotion"]), sound)
        for row, sound in zip(rows, sounds, strict=True)
    ]


def _emotion(name: str) -> int:
    return EMOTIONS.index(_MERGED.get(name) or Emotion(name))


def decoded(archive: Path, names: list[str], cache: Path | None) -> list[npt.NDArray[np.int16]]:
    """The named .opus members of a zip as int16 at 16 kHz, in order."""
    kept = cache / f"{archive.stem}.npz" if cache else None
    if kept and kept.exists():
        stored = np.load(kept)
        return np.split(stored["samples"], stored["ends"][:-1])
    with zipfile.ZipFile(archive) as members:
        sounds = [_int16(read_sound(io.BytesIO(members.read(f"{name}.opus")))) for name in names]
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, samples=np.concatenate(sounds), ends=np.cumsum([len(s) for s in sounds]))
    return sounds


def _int16(samples: Floats) -> npt.NDArray[np.int16]:
    return np.clip(samples * 32768, -32768, 32767).astype(np.int16)


@dataclass(frozen=True)
class Split:
    """Clips by speaker: nobody who is heard in `training` speaks in the other two."""

    training: list[Clip]
    validation: list[Clip]
    test: list[Clip]


# RAVDESS actors 17-20 and 21-24, and one man of SAVEE each. TESS has two speakers: both are needed to learn from.
VALIDATION = {f"RAV{actor:02d}" for actor in range(17, 21)} | {"SAVEE_JK"}
TEST = {f"RAV{actor:02d}" for actor in range(21, 25)} | {"SAVEE_KL"}


def by_speaker(clips: list[Clip]) -> Split:
    """The split of the shipped network."""
    return Split(
        [c for c in clips if c.speaker not in VALIDATION | TEST],
        [c for c in clips if c.speaker in VALIDATION],
        [c for c in clips if c.speaker in TEST],
    )
