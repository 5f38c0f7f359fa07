"""Loads the benchmarks' saved predictions, with the folds of a corpus joined. Needs no PyTorch."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from convert.evaluation.predictions import Predictions, concatenate, load_predictions
from convert.voice.protocols import PROSODY_RUNS, RUNS


class VoicePredictions(NamedTuple):
    """The predictions of one protocol: of each network, and of both combined; None when a network was not run."""

    picture: Predictions | None
    new: Predictions | None
    """The prosody network, on new speakers."""
    known: Predictions | None
    """… on speakers whose clips it has heard, without labels."""
    both_new: Predictions | None
    both_known: Predictions | None


Join = Callable[[Predictions, Predictions], Predictions]
"""Combines the predictions of two networks: `multiply` with given exponents, or `cross_fit`."""
Joins = Join | tuple[Join, Join]
"""One function, or one for new speakers and one for known ones."""


def load_voice_predictions(
    folder: Path, pictures: str, prosodies: str, corpus: str, join: Joins, kind: str = ""
) -> VoicePredictions:
    """Load the runs whose names begin with `pictures` and `prosodies`, joined over folds for `corpus`."""
    picture = load_runs(RUNS, pictures, folder, corpus + kind)
    new, known = (load_runs(PROSODY_RUNS, prosodies, folder, corpus + stage + kind) for stage in ("-stranger", ""))
    join_new, join_known = join if isinstance(join, tuple) else (join, join)
    both_new = join_new(picture, new) if picture and new else None
    return VoicePredictions(picture, new, known, both_new, join_known(picture, known) if picture and known else None)


def load_runs(runs: Iterable[str], prefix: str, folder: Path, ending: str) -> Predictions | None:
    """Load those of `runs` whose names begin with `prefix`, joined; None when there are none.

    A file is named after its run and, after a dash, `ending`.
    """
    paths = [folder / f"{name}-{ending}.npz" for name in runs if name.startswith(prefix)]
    parts = [load_predictions(path) for path in paths if path.exists()]
    return concatenate(parts) if parts else None
