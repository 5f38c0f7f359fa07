"""The teacher's frames of every clip, computed once: one file per corpus and copy. Existing files are kept.

    python -m convert.voice.teacher.frames ../shared/data cache

A copy of a clip takes about 40 ms on one core: 13,000 clips in five copies take three quarters of an hour.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from convert.voice.copies.clean import COPIES, make_clean_copy
from convert.voice.teacher.corpora import CORPORA, read_clips
from convert.voice.teacher.package import fetch_encoder
from convert.voice.teacher.projection import (
    LAYERS,
    Projection,
    fit_projection,
    load_projection,
    run_encoder,
    select_targets,
)
from convert.voice.teacher.whisper import Encoder
from device.emotions import Floats


@dataclass(frozen=True)
class TeacherFrames:
    """The teacher's output for one copy of a corpus."""

    frames: npt.NDArray[np.float16]
    """(sum of the clips' frames, COMPONENTS), on disk."""
    ends: npt.NDArray[np.int64]
    """(clips,): the end of each clip in `frames`."""
    statistics: npt.NDArray[np.float16]
    """(clips, LAYERS, 2, width): mean and deviation over time of each block."""

    def clip(self, index: int) -> npt.NDArray[np.float16]:
        """(t, COMPONENTS) of one clip."""
        return self.frames[self.ends[index - 1] if index else 0 : self.ends[index]]


def load_teacher_frames(cache: Path, corpus: str, copy: int) -> TeacherFrames:
    """Load what `compute_frames` wrote."""
    stored = np.load(cache / f"teacher-{corpus}-{copy}.npz")
    frames = np.load(cache / f"teacher-{corpus}-{copy}.npy", mmap_mode="r")
    return TeacherFrames(frames, stored["ends"], stored["statistics"])


def compute_frames(clips: Sequence[Clip], copy: int, encoder: Encoder, projection: Projection, path: Path) -> None:
    """Write the frames of `copy` of the `clips` to `path`.npy, and their ends and statistics to `path`.npz."""
    frames: list[npt.NDArray[np.float16]] = []
    statistics: list[npt.NDArray[np.float16]] = []
    for clip in clips:
        blocks = run_encoder(encoder, make_clean_copy(clip, copy))
        frames.append(projection(select_targets(blocks)).astype(np.float16))
        statistics.append(_statistics(blocks).astype(np.float16))
    ends = np.cumsum([len(part) for part in frames])
    with (partial := path.with_suffix(".partial")).open("wb") as file:
        np.save(file, np.concatenate(frames))
    partial.replace(path.with_suffix(".npy"))
    with partial.open("wb") as file:
        np.savez(file, ends=ends, statistics=np.stack(statistics))
    partial.replace(path.with_suffix(".npz"))


def _statistics(blocks: Sequence[Floats]) -> Floats:
    return np.stack([np.stack([block.mean(axis=0), block.std(axis=0)]) for block in blocks])


def _load_or_fit_projection(data: Path, encoder: Encoder, cache: Path) -> Projection:
    path = cache / "projection-base.npz"
    if not path.exists():
        clips = read_clips(data, "orders", cache)
        copies = (make_clean_copy(clip, copy) for clip in clips for copy in (0, 1))
        fit_projection([select_targets(run_encoder(encoder, samples)) for samples in copies]).save(path)
    return load_projection(path)


def main() -> None:
    """Compute the missing files, those of the unchanged clips first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--copies", type=int, default=COPIES, help="copies of each clip; the first is unchanged")
    arguments = parser.parse_args()
    cache = arguments.cache
    cache.mkdir(parents=True, exist_ok=True)
    encoder = fetch_encoder("base", LAYERS, cache / "teacher")
    projection = _load_or_fit_projection(arguments.data, encoder, cache)
    for copy in range(arguments.copies):
        for corpus in CORPORA:
            path = cache / f"teacher-{corpus}-{copy}"
            if not path.with_suffix(".npz").exists():
                compute_frames(read_clips(arguments.data, corpus, cache), copy, encoder, projection, path)
                print(f"teacher's frames: {corpus}, copy {copy}", flush=True)


if __name__ == "__main__":
    main()
