"""The student's input for every clip: frames of clean and of degraded copies, computed once.

    python -m convert.voice.student.views ../shared/data cache

One file per corpus, copy and view; existing files are kept. A view takes about 8 ms on one core.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from convert.voice.copies.clean import COPIES, make_clean_copy
from convert.voice.copies.degraded import Surroundings, degrade, read_surroundings
from convert.voice.teacher.corpora import CORPORA, read_clips
from device.emotions import Floats
from device.perception.audio.frame_features import LOW, MEL, frame_rows

COLUMNS = LOW.stop - MEL.start
"""Columns of `frame_rows`: log-mel, correlogram, and the lowest bins of the spectrum."""
VIEWS = (4, 2, 2, 2, 2)
"""The number of views of each copy: view 0 is clean, the others are degraded."""
_SEED = 26


def make_view(clip: Clip, copy: int, number: int, surroundings: Surroundings) -> Floats:
    """(frames, COLUMNS) float32 of one view; the same clip and numbers always give the same view."""
    samples = make_clean_copy(clip, copy)
    if number:
        seed = [_SEED, copy, number, *clip.name.encode()]
        samples = degrade(samples, surroundings, np.random.default_rng(seed))
    return frame_rows(samples)[:, MEL.start : LOW.stop]


def load_view(cache: Path, corpus: str, copy: int, number: int) -> npt.NDArray[np.float16]:
    """(sum of the clips' frames, COLUMNS), clip after clip like the teacher's frames; memory-mapped."""
    return np.asarray(np.load(_path(cache, corpus, copy, number), mmap_mode="r"))


def _path(cache: Path, corpus: str, copy: int, number: int) -> Path:
    return cache / f"view-{corpus}-{copy}-{number}.npy"


def _write(clips: Sequence[Clip], copy: int, number: int, surroundings: Surroundings, path: Path) -> None:
    rows = [make_view(clip, copy, number, surroundings).astype(np.float16) for clip in clips]
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, np.concatenate(rows))
    partial.replace(path)


def main() -> None:
    """Make the missing views, those of the unchanged clips first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--copies", type=int, default=COPIES, help="copies of each clip; the first is unchanged")
    parser.add_argument("--views", type=int, default=max(VIEWS), help="views of each copy; the first is clean")
    arguments = parser.parse_args()
    surroundings = read_surroundings(arguments.data, arguments.cache)
    for copy in range(arguments.copies):
        for number in range(min(VIEWS[copy], arguments.views)):
            for corpus in CORPORA:
                path = _path(arguments.cache, corpus, copy, number)
                if not path.exists():
                    clips = read_clips(arguments.data, corpus, arguments.cache)
                    _write(clips, copy, number, surroundings, path)
                    print(f"student's views: {corpus}, copy {copy}, view {number}", flush=True)


if __name__ == "__main__":
    main()
