"""Where the benchmarks' answers lie, and the folds of one corpus put together. Needs no PyTorch."""

from pathlib import Path

from convert.predictions import Predictions, load, together
from convert.voice_protocols import RUNS
from device.errors import MediaError


def folds(folder: Path, corpus: str, kind: str = "") -> Predictions:
    """The folds' answers for one corpus, put together; those that keep none of its speakers out have none."""
    names = [name for name in RUNS if name.startswith("voice-fold-")]
    parts = [path for name in names if (path := folder / f"{name}-{corpus}{kind}.npz").exists()]
    if not parts:
        raise MediaError(f"{folder}: no answers of the folds for {corpus}: python -m convert benchmark")
    return together([load(path) for path in parts])
